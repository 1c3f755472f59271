"""The channel's SKU is not ours: suggest which of ours is meant, remember a person's answer, and go on."""

from dataclasses import dataclass
from datetime import datetime

from channels import stock_push
from channels.models import ChannelAccount, Listing
from channels.order_import import source_of
from inventory.models import Variant
from oms import audit, db, inbox, strict_json, text
from oms.errors import Refused
from oms.models import InboxMessage


class CannotMap(Refused):
    code = "cannot_map"
    status = 422


@dataclass(frozen=True, slots=True)
class Suggestion:
    variant_id: int
    sku: str
    title: str
    why: str


def suggestions(*, sku: str, title: str = "", limit: int = 5) -> list[Suggestion]:
    """Our variants that could be meant, best first: the SKU but for case and blanks, then like spelling and title."""
    rows = db.fetch(
        """
        SELECT v.id, v.sku, p.title,
               CASE WHEN upper(regexp_replace(v.sku, '\\s', '', 'g')) = upper(regexp_replace(%(sku)s, '\\s', '', 'g'))
                    THEN 'same but for case or blanks'
                    WHEN similarity(v.sku, %(sku)s) >= similarity(p.title, %(title)s) THEN 'similar SKU'
                    ELSE 'similar title' END
          FROM inventory_variant v JOIN inventory_product p ON p.id = v.product_id
         WHERE similarity(v.sku, %(sku)s) > 0.4 OR (%(title)s <> '' AND similarity(p.title, %(title)s) > 0.4)
         ORDER BY greatest(similarity(v.sku, %(sku)s), similarity(p.title, %(title)s)) DESC, v.sku
         LIMIT %(limit)s
        """,
        {"sku": sku, "title": title, "limit": limit},
    )
    return [Suggestion(*row) for row in rows]


@db.transaction
def remember(*, channel: str, sku: str, variant_sku: str, actor: audit.Actor, now: datetime) -> list[int]:
    """From now on `sku` on `channel` means our `variant_sku`; return the ids of stuck messages this may free.

    A listing under that SKU starts to exist here, so its stock is told to the channel as well. Safe to
    repeat. Raises CannotMap.
    """
    account = ChannelAccount.objects.select_related("channel").filter(channel__code=channel).first()
    variant = Variant.objects.filter(sku=variant_sku).first()
    if account is None or variant is None:
        raise CannotMap(f"We have no product with the SKU “{variant_sku}”; pick one from the list.", sku=variant_sku)
    listing, created = Listing.objects.get_or_create(
        account=account, sku=sku, defaults={"variant": variant, "currency": account.channel.currency, "price": 0}
    )
    if not created and listing.variant_id != variant.pk:
        raise CannotMap(f"“{sku}” is already mapped to {listing.variant.sku} on this channel.", sku=sku)
    if created:
        stock_push.want(variants=[variant.pk])
    facts = {"channel": channel, "sku": sku, "variant": variant_sku}
    audit.record(
        actor,
        [
            audit.Deed(
                action="listing.mapped", object_kind="listing", object_id=str(listing.pk), happened_at=now, facts=facts
            )
        ],
    )
    stuck = InboxMessage.objects.filter(source=source_of(channel), state="quarantined", code="sku_unmapped")
    return list(stuck.filter(facts__skus__contains=[sku]).order_by("pk").values_list("pk", flat=True))


def map_and_retry(*, message_id: int, sku: str, variant_sku: str, actor: audit.Actor, now: datetime) -> int:
    """Remember the mapping of a stuck message's SKU and retry everything that waited for it; return how many."""
    message = InboxMessage.objects.get(pk=message_id)
    channel = message.source.removeprefix("channel:")
    freed = remember(channel=channel, sku=sku, variant_sku=variant_sku, actor=actor, now=now)
    return inbox.retry(ids=freed, actor=actor, now=now)


def title_in(message: InboxMessage, sku: str) -> str:
    """The title the raw order gives to a SKU, for better suggestions; "" when it says none."""
    found = strict_json.loads(bytes(message.raw))
    lines = found.get("lineItems") or found.get("orderItems")
    for line in lines if isinstance(lines, list) else []:
        fields = line if isinstance(line, dict) else {}
        product = fields.get("product")
        inner = product if isinstance(product, dict) else {}
        if sku in (fields.get("sku"), inner.get("sellerSku")):
            return _safely(fields.get("title") or inner.get("title"))
    return ""


def _safely(title: object) -> str:
    """Nobody has read this part of the raw order yet: it may hold what no store can keep."""
    try:
        return text.free(title, most=300)
    except text.InvalidUnicode:
        return ""
