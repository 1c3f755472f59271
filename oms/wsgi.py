import os
from typing import Any

import django
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.utils.http import parse_header_parameters

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "oms.settings.development")


class Request(WSGIRequest):
    """Reads addresses and bodies as UTF-8 whatever charset a caller names: not all that Python knows decode text."""

    def _set_content_type_params(self, meta: dict[str, Any]) -> None:
        self.content_type, self.content_params = parse_header_parameters(meta.get("CONTENT_TYPE", ""))


class Application(WSGIHandler):
    request_class = Request


django.setup(set_prefix=False)
application = Application()
