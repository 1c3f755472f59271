"""Narrow a list by what is typed above it, through the same keys that the one box looks in."""

from django.db.models import Q
from django.db.models.functions import Reverse

from oms.models import SearchKey
from oms.search import K, Reading

MOST = 300
TOO_MANY = f"More than {MOST} fit; only the {MOST} newest are looked through. Type a little more."


def matches(entity_kind: str, reading: Reading) -> list[int]:
    """Ids of records of this kind that the reading fits, newest first, at most MOST. Every arm has an index."""
    wanted = Q(pk__in=[])
    for kind, value in reading.exact:
        wanted |= Q(kind=kind, value=value)
    for kind, value in reading.prefixes:
        wanted |= Q(kind=kind, value__startswith=value)
    if reading.phone_ending:
        wanted |= Q(kind=K.PHONE, backwards__startswith=reading.phone_ending[::-1])
    if reading.name:
        wanted |= Q(kind=K.NAME, value__trigram_word_similar=reading.name)
    keys = SearchKey.objects.annotate(backwards=Reverse("value")).filter(wanted, entity_kind=entity_kind)
    return list(keys.order_by("-entity_id").values_list("entity_id", flat=True).distinct()[:MOST])
