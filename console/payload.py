"""A message as it came, made fit to show: as text that cannot act, and without people for those who may not see them.

What is shown to everybody is what is named here. A field nobody has heard of may hold a person and stays covered.
"""

import json
import re
from typing import Any

COVERED = "•••"
MOST = 20_000  # characters shown

_OPEN = {
    "orderId", "legacyOrderId", "orderItemId", "lineItemId", "legacyItemId", "legacyVariationId", "sku",
    "sellerSku", "asin", "title", "quantity", "quantityOrdered", "quantityFulfilled", "quantityUnfulfilled",
    "currency", "currencyCode", "countryCode", "country", "type", "subtype", "status", "detailedStatus",
    "fulfillmentStatus", "fulfilledBy", "fulfillmentServiceLevel", "orderFulfillmentStatus",
    "orderPaymentStatus", "paymentStatus", "refundStatus", "lineItemFulfillmentStatus", "cancelState",
    "cancelRequestState", "fulfillmentInstructionsType", "ebaySupportedFulfillment", "merchantLocationKey",
    "shippingCarrierCode", "shippingServiceCode", "carrier", "listingMarketplaceId", "purchaseMarketplaceId",
    "marketplaceId", "marketplaceName", "channelName", "soldFormat", "taxType", "collectionMethod", "model",
    "programs", "packageReferenceId", "conditionType", "conditionSubtype", "associationType", "addressType",
    "paymentMethod", "promotionId",
}  # fmt: skip
_AMOUNTS = frozenset({"value", "amount"})
_AMOUNT = re.compile(r"-?[0-9]{1,9}(\.[0-9]{1,4})?")
_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.,]{5,18}(Z|[+-][0-9]{2}:?[0-9]{2})?")


class _Members(list[tuple[str, Any]]):
    """The members of a JSON object as they came: in order, and twice when they came twice."""


def shown(raw: bytes, *, with_people: bool) -> str:
    """The message as indented text. Without people, only fields known to hold none say what they hold."""
    try:
        found = json.loads(raw.decode("utf-8"), object_pairs_hook=_Members)
        text = _written(found, "", "", with_people)
    except (ValueError, RecursionError):
        text = raw.decode("utf-8", "backslashreplace") if with_people else ""
    return "".join(c if c.isprintable() or c == "\n" else ascii(c)[1:-1] for c in text[:MOST])


def _written(value: Any, key: str, indent: str, with_people: bool) -> str:
    inner = indent + "  "
    if isinstance(value, _Members):
        members = [f"{inner}{_quoted(name)}: {_written(held, name, inner, with_people)}" for name, held in value]
        return "{\n" + ",\n".join(members) + f"\n{indent}}}" if members else "{}"
    if isinstance(value, list):
        entries = [f"{inner}{_written(held, key, inner, with_people)}" for held in value]
        return "[\n" + ",\n".join(entries) + f"\n{indent}]" if entries else "[]"
    return _quoted(value) if with_people or _is_open(key, value) else COVERED


def _is_open(key: str, value: Any) -> bool:
    if value is None or isinstance(value, bool) or key in _OPEN:
        return True
    return bool(_MOMENT.fullmatch(str(value)) or (key in _AMOUNTS and _AMOUNT.fullmatch(str(value))))


def _quoted(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
