"""What every refusal of the API must look like."""

from typing import Any

LEAKS = (
    "SELECT",
    "INSERT",
    "psycopg",
    "Traceback",
    "DETAIL",
    "orders_",
    "oms_",
    "inventory_",
    ".py",
    "Exception",
    "Failing row",
)


def problem(answer: Any) -> tuple[int, str]:
    """(status, code) of a problem in the one shape that says nothing of our insides."""
    assert answer["Content-Type"] == "application/problem+json", answer.content[:300]
    said = answer.json()
    assert set(said) == {"type", "title", "status", "code", "detail", "facts"}
    assert said["status"] == answer.status_code
    assert said["type"] == f"urn:oms:problem:{said['code']}"
    assert said["detail"]
    assert [leak for leak in LEAKS if leak in answer.content.decode()] == []
    return answer.status_code, said["code"]
