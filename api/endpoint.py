"""What every view of the API does first."""

from collections.abc import Collection
from typing import Any

from rest_framework.request import Request
from rest_framework.views import APIView

from oms.errors import Refused


class UnknownParameter(Refused):
    code = "parameter_unknown"
    status = 422


class Endpoint(APIView):
    """A view that takes the query parameters it names, on reading, and no others."""

    parameters: Collection[str] = ()

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        allowed = set(self.parameters) if request.method in {"GET", "HEAD"} else set()
        unknown = sorted(set(request.query_params) - allowed)
        if unknown:
            raise UnknownParameter(
                f"There is no parameter “{unknown[0][:80]}” here.",
                unknown=[name[:80] for name in unknown[:20]], known=sorted(allowed),
            )  # fmt: skip
