"""Settings that hold everywhere. development, test and production each add only what differs."""

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import environ
from csp.constants import NONE, SELF

from oms import embedded
from oms.logs import configure as configure_logs

BASE_DIR = Path(__file__).resolve().parents[2]
env = environ.Env()

DEBUG = False
ALLOWED_HOSTS: list[str] = []
ROOT_URLCONF = "oms.urls"
WSGI_APPLICATION = "oms.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django.contrib.humanize",
    "django_htmx",
    "template_partials",
    "lucide",
    "csp",
    "axes",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "pgtrigger",
    "django_celery_beat",
    "django_structlog",
    "oms",
    "customers",
    "inventory",
    "orders",
    "channels",
    "console",
    "api",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "api.edge.ApiEdge",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "django_structlog.middlewares.RequestMiddleware",
    "oms.middleware.StaffMiddleware",
    "axes.middleware.AxesMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "console.context.shell",
            ],
            "builtins": [
                "django.templatetags.static",
                "template_partials.templatetags.partials",
                "lucide.templatetags.lucide",
            ],
        },
    }
]

# -- data ---------------------------------------------------------------------------------------------------------
# Without DATABASE_URL and REDIS_URL the addresses are those of the embedded services; whoever needs them running
# (manage.py, the test run, the stack) starts them, importing settings does not.
_services = embedded.addresses()

# What a process may wait for in the database, by what it is: (statement, lock, idle in transaction), milliseconds.
WAITS = {"web": (5_000, 2_000, 10_000), "worker": (60_000, 5_000, 60_000), "migrations": (0, 2_000, 0)}
PROCESS_ROLE = os.environ.get("OMS_PROCESS_ROLE", "web")
_statement, _lock, _idle = WAITS[PROCESS_ROLE]

DATABASES: dict[str, dict[str, Any]] = {"default": env.db_url_config(_services.database_url)}
DATABASES["default"].update(ENGINE="django.db.backends.postgresql", CONN_MAX_AGE=60, CONN_HEALTH_CHECKS=True)
DATABASES["default"].setdefault("OPTIONS", {}).update(
    application_name=f"oms-{PROCESS_ROLE}",
    connect_timeout=10,
    options=(
        f"-c statement_timeout={_statement} -c lock_timeout={_lock} "
        f"-c idle_in_transaction_session_timeout={_idle} -c timezone=UTC "
        "-c plan_cache_mode=force_generic_plan "  # a statement sent often is planned once, see oms.db.fetch
        "-c pg_trgm.word_similarity_threshold=0.45"  # of a search: “stirling” finds Sterling
    ),
)
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": _services.redis_url,
        "OPTIONS": {"socket_timeout": 2, "socket_connect_timeout": 2},
    }
}
SESSION_ENGINE = "django.contrib.sessions.backends.db"  # a cache flush must not log staff out

# -- people -------------------------------------------------------------------------------------------------------
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "CommonPasswordValidator", "NumericPasswordValidator")
] + [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
]
LOGIN_URL = "console:login"
LOGIN_REDIRECT_URL = "console:home"
LOGOUT_REDIRECT_URL = "console:login"
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False
AXES_LOCKOUT_CALLABLE = "console.access.locked_out"
SESSION_COOKIE_AGE = 12 * 60 * 60
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"

# -- browsers -----------------------------------------------------------------------------------------------------
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "object-src": [NONE],
        "base-uri": [SELF],
        "frame-ancestors": [NONE],
        "form-action": [SELF],
    }
}
STATIC_URL = "static/"

# -- language and time --------------------------------------------------------------------------------------------
LANGUAGE_CODE = "en"
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

# -- API ----------------------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["api.strict.StrictJSONParser"],
    "DEFAULT_AUTHENTICATION_CLASSES": ["api.auth.ClientKey"],
    "DEFAULT_PERMISSION_CLASSES": ["api.auth.Allowed"],
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_METADATA_CLASS": None,
    "EXCEPTION_HANDLER": "api.errors.handle",
    "URL_FORMAT_OVERRIDE": None,
    "UNAUTHENTICATED_USER": None,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "OMS",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "POSTPROCESSING_HOOKS": ["drf_spectacular.hooks.postprocess_schema_enums", "api.schema.add_problems"],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
}

# -- work that happens later: Celery is the bell, rows are the work -------------------------------------------------
QUEUES = ("critical", "channels", "bulk", "reports")
CELERY_BROKER_URL = _services.celery_broker_url
CELERY_TASK_DEFAULT_QUEUE = "critical"
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_TIME_LIMIT = 120
CELERY_TASK_SOFT_TIME_LIMIT = 90
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_MAX_TASKS_PER_CHILD = 500
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 30
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 300,
    "unacked_restore_throttle": 1,
    "socket_timeout": 30,
    "socket_keepalive": True,
    "health_check_interval": 25,
    "retry_on_timeout": True,
    "max_retries": 1,  # of a ring; without these two it waits six seconds for a broker that is away
    "interval_start": 0,
}
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULE = {
    "ring for what is due": {"task": "channels.tasks.ring_due", "schedule": 2.0, "options": {"expires": 2}},
    "read back stock": {"task": "channels.tasks.verify_stock", "schedule": 60.0, "options": {"expires": 60}},
    "sweep": {"task": "oms.tasks.sweep", "schedule": 3600.0, "options": {"expires": 3600}},
}
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
DJANGO_STRUCTLOG_CELERY_ENABLED = True

# -- ours ----------------------------------------------------------------------------------------------------------
OMS_FIELD_KEYS: list[str] = env.list("OMS_FIELD_KEYS", default=[])  # encrypt channel secrets; the first one writes
OMS_ALLOWED_PRIVATE_HOSTS: list[str] = env.list("OMS_ALLOWED_PRIVATE_HOSTS", default=[])  # "127.0.0.1:8101"
OMS_TILL_CHANNEL = "till"
OMS_DEMO = env.bool("OMS_DEMO", default=False)
# [[role in words, user name, password, what it reaches], …]: shown on the login page of the demo.
OMS_DEMO_LOGINS: list[list[str]] = env.json("OMS_DEMO_LOGINS", default=[])

# -- logs ---------------------------------------------------------------------------------------------------------
LOG_FORMAT = env("OMS_LOG_FORMAT", default="console")
LOGGING = configure_logs(log_format=LOG_FORMAT, level=env("OMS_LOG_LEVEL", default="INFO"))
