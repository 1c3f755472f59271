from django.apps import AppConfig


class OrdersConfig(AppConfig):
    name = "orders"

    def ready(self) -> None:
        from oms import books
        from orders import subscribers  # noqa: F401
        from orders.books import RULES

        books.register(RULES)
