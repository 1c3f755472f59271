"""Production: everything that is secret or local comes from the environment, and a missing name stops the start."""

from django.core.exceptions import ImproperlyConfigured

from oms.settings.base import *  # noqa: F403
from oms.settings.base import BASE_DIR, DEBUG, env

for _name in ("DATABASE_URL", "REDIS_URL", "CELERY_BROKER_URL"):
    env(_name)  # without them base.py falls back to the services of a development machine
if DEBUG:
    raise ImproperlyConfigured("DEBUG is on: it would show customers' data to anybody who causes an error.")

SECRET_KEY = env("SECRET_KEY")
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])
OMS_FIELD_KEYS = env.list("OMS_FIELD_KEYS")
for _name in ("SECRET_KEY", "OMS_FIELD_KEYS"):
    if not env(_name) or "change-me" in env(_name):
        raise ImproperlyConfigured(f"{_name} is empty or still the placeholder of .env.example.")

# The containers ask themselves for /readyz under the name localhost.
ALLOWED_HOSTS = [*env.list("ALLOWED_HOSTS"), "localhost"]
CSRF_TRUSTED_ORIGINS = [f"https://{host}" for host in ALLOWED_HOSTS]

# The reverse proxy ends TLS and is the only way in; it sets these headers itself and drops what a client sent.
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
AXES_IPWARE_PROXY_COUNT = 1
AXES_IPWARE_META_PRECEDENCE_ORDER = ["HTTP_X_FORWARDED_FOR", "REMOTE_ADDR"]
SECURE_SSL_REDIRECT = True
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
SECURE_HSTS_SECONDS = env.int("SECURE_HSTS_SECONDS", default=365 * 24 * 60 * 60)
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_HSTS_PRELOAD = True
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True
SESSION_COOKIE_NAME = "__Host-session"
CSRF_COOKIE_NAME = "__Host-csrf"

STATIC_ROOT = env("STATIC_ROOT", default=str(BASE_DIR / "staticfiles"))  # filled when the image is built
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
