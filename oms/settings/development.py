"""One machine, one person: what manage.py uses unless told otherwise."""

from importlib.util import find_spec

from oms import embedded
from oms.settings.base import *  # noqa: F403
from oms.settings.base import INSTALLED_APPS, env

DEBUG = env.bool("OMS_DEBUG", default=True)
SECRET_KEY = embedded.secret("django")
ALLOWED_HOSTS = ["localhost", "127.0.0.1", "[::1]"]
WHITENOISE_USE_FINDERS = True  # with or without DEBUG nothing has to be collected first

# The demo needs none of these, so it runs from requirements-local.txt alone.
DEVELOPER_TOOLS = [name for name in ("django_linear_migrations", "django_migration_linter") if find_spec(name)]
INSTALLED_APPS = [*INSTALLED_APPS, "demo", *DEVELOPER_TOOLS]
OMS_FIELD_KEYS = [f"{SECRET_KEY}:fields"]
