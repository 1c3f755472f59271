"""The bell. The work itself is rows; see docs/architecture.md."""

import os

import celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "oms.settings.development")

app = celery.Celery("oms")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
