from django.apps import AppConfig


class ChannelsConfig(AppConfig):
    name = "channels"

    def ready(self) -> None:
        from channels import subscribers  # noqa: F401
        from channels.books import RULES
        from oms import books

        books.register(RULES)
