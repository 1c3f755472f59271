from django.apps import AppConfig

from oms import celery  # noqa: F401  # tasks queued from a web process must find the configured app


class OMSConfig(AppConfig):
    name = "oms"
    verbose_name = "Kernel"
