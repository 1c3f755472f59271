"""What may be written to a log: no row contents, no e-mail addresses, no phone numbers, nothing typed into a search."""

import re
from typing import Any

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

# Postgres adds the offending row to an error ("DETAIL:  Failing row contains (…)") and may say it again in CONTEXT.
ROW_CONTENTS = re.compile(r"^[ \t]*(?:DETAIL|CONTEXT|HINT|QUERY):.*(?:\n[ \t]+.*)*\n?", re.MULTILINE)
# Possessive, and only from where a word begins: else a long word without an @ costs the square of its length.
E_MAIL = re.compile(r"(?<![\w.+'-])[\w.+'-]++@[\w-]+(?:\.[\w-]+)+")
# With a country code, with a leading zero, or grouped as in North America. Not any long number: the numbers of orders
# are what a log is searched for.
PHONE = re.compile(
    r"(?<![\w.:/-])"
    r"(?:\+\d(?:[ ()./-]{0,2}\d){7,14}|0\d(?:[ ()./-]?\d){8,9}|\(?\d{3}\)?[ .-]{1,2}\d{3}[ .-]\d{4})"
    r"(?![\w:/-])"
)
# What stands behind the path of an address: the names that callers say, typed into a search.
QUESTION = re.compile(r"(?<=[\w/.~-])\?[^\s\"'<>]+")
UNTOUCHED = {"timestamp", "request_id", "task_id", "level", "logger"}


def clean(text: str) -> str:
    text = QUESTION.sub("?…", ROW_CONTENTS.sub("", text))
    text = E_MAIL.sub("[e-mail]", text)
    return PHONE.sub("[phone]", text)


def scrub(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """structlog processor: every text in the entry, tracebacks included, goes through `clean`."""
    return {key: value if key in UNTOUCHED else _scrubbed(value) for key, value in event.items()}


def _scrubbed(value: Any) -> Any:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {key: _scrubbed(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_scrubbed(item) for item in value]
    if isinstance(value, BaseException):
        return clean(f"{type(value).__name__}: {value}")
    return value


def configure(*, log_format: str, level: str) -> dict[str, Any]:
    """Set structlog up and return the LOGGING setting; the standard library's loggers go the same way."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    last: list[Processor] = [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        structlog.processors.format_exc_info,
    ]
    render: Processor = (
        structlog.processors.JSONRenderer() if log_format == "json" else structlog.dev.ConsoleRenderer(colors=False)
    )
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    formatter = {
        "()": structlog.stdlib.ProcessorFormatter,
        "foreign_pre_chain": shared,
        "processors": [*last, scrub, render],
    }
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"scrubbed": formatter},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "scrubbed"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            "django": {"level": level, "handlers": ["stderr"], "propagate": False},
            "django.server": {"level": level, "handlers": ["stderr"], "propagate": False},
        },
    }
