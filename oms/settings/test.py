"""The test run: the real database and the real Valkey, cheap passwords, tasks in line."""

import os

from oms.settings.base import *  # noqa: F403
from oms.settings.base import CACHES, DATABASES
from oms.settings.development import INSTALLED_APPS as INSTALLED_APPS

SECRET_KEY = "only-for-tests"
ALLOWED_HOSTS = ["localhost", "127.0.0.1", "testserver"]
# tests/services.py makes a migrated template once per state of the migrations; every run copies it.
DATABASES["default"]["TEST"] = {
    "NAME": os.environ.get("OMS_TEST_DATABASE", "test_oms"),
    "TEMPLATE": os.environ.get("OMS_TEST_TEMPLATE"),
}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
CACHES["default"]["KEY_PREFIX"] = f"test-{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"
CELERY_TASK_ALWAYS_EAGER = True
CELERY_TASK_EAGER_PROPAGATES = True
OMS_FIELD_KEYS = ["only-for-tests"]
