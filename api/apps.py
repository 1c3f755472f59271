from django.apps import AppConfig


class APIConfig(AppConfig):
    name = "api"
    verbose_name = "API"

    def ready(self) -> None:
        from api import schema  # noqa: F401  # its classes register themselves
