"""A channel's SKU is not ours: suggestions, and a person's answer remembered."""

import json

import pytest
from django.utils import timezone

from channels import mapping, order_import
from channels.models import ChannelAccount, Listing, StockPush
from oms import audit, inbox
from oms.models import AuditEntry, InboxMessage
from tests import factories

MAYA = audit.Actor("staff", "maya", "supervisor")


@pytest.fixture
def account(db: None) -> ChannelAccount:
    return factories.account("ebay")


def remember(sku: str, ours: str, channel: str = "ebay") -> list[int]:
    return mapping.remember(channel=channel, sku=sku, variant_sku=ours, actor=MAYA, now=timezone.now())


def stuck(*skus: str, source: str = "channel:ebay", code: str = "sku_unmapped") -> InboxMessage:
    raw = json.dumps({"skus": skus, "code": code}).encode()
    inbox.store(source=source, letters=[inbox.Letter(event_id=raw.decode(), topic="order", object_id="1", raw=raw)])
    message = InboxMessage.objects.order_by("-pk")[0]
    inbox.quarantine(message.pk, code=code, message="No product has it.", facts={"skus": list(skus)})
    return message


class TestSuggestions:
    def test_the_same_but_for_case_and_blanks_comes_first(self, db: None) -> None:
        for sku in ("T90-BLK", "T90-BLUE", "T80-BLK", "MAT"):
            factories.variant(sku, title=f"Article {sku}")
        found = mapping.suggestions(sku="t90 -blk")

        assert (found[0].sku, found[0].why) == ("T90-BLK", "same but for case or blanks")
        assert "MAT" not in [each.sku for each in found]

    def test_goes_by_the_title_too(self, db: None) -> None:
        factories.variant("4711", title="Folding treadmill, 12 km/h")
        (found,) = mapping.suggestions(sku="XYZ", title="Folding treadmill 12km/h")

        assert (found.sku, found.why) == ("4711", "similar title")

    @pytest.mark.parametrize("sku", ["zzz", "%", "_", "'; --", "\\", "x" * 500, "🏃"])
    def test_are_few_or_none_for_odd_questions(self, db: None, sku: str) -> None:
        factories.variant("T90")

        assert mapping.suggestions(sku=sku, title=sku) == []

    def test_are_at_most_five(self, db: None) -> None:
        for place in range(9):
            factories.variant(f"TREAD-100{place}")

        assert len(mapping.suggestions(sku="TREAD-1000")) == 5


class TestRemember:
    def test_frees_what_waits_for_this_sku_on_this_channel(self, account: ChannelAccount) -> None:
        factories.variant("T90")
        ours = [stuck("GHOST"), stuck("OTHER", "GHOST")]
        stuck("OTHER")
        stuck("GHOST", source="channel:amazon")
        stuck("GHOST", code="price_zero")

        assert remember("GHOST", "T90") == [message.pk for message in ours]

    def test_is_a_listing_that_is_audited(self, account: ChannelAccount) -> None:
        factories.variant("T90")
        remember("GHOST", "T90")

        listing = Listing.objects.get()
        entry = AuditEntry.objects.get(action="listing.mapped")
        assert (listing.sku, listing.variant.sku, listing.account) == ("GHOST", "T90", account)
        assert (entry.actor, entry.facts) == ("staff:maya", {"channel": "ebay", "sku": "GHOST", "variant": "T90"})

    def test_wants_the_channel_told_of_its_stock(self, account: ChannelAccount) -> None:
        factories.variant("T90")
        remember("GHOST", "T90")
        remember("GHOST", "T90")

        assert StockPush.objects.values_list("listing__sku", "wanted").get() == ("GHOST", 1)

    def test_may_be_repeated(self, account: ChannelAccount) -> None:
        factories.variant("T90")
        message = stuck("GHOST")

        assert remember("GHOST", "T90") == remember("GHOST", "T90") == [message.pk]
        assert Listing.objects.count() == 1

    @pytest.mark.parametrize(("ours", "channel"), [("NOPE", "ebay"), ("t90", "ebay"), ("", "ebay"), ("T90", "nowhere")])
    def test_refuses_what_does_not_exist(self, account: ChannelAccount, ours: str, channel: str) -> None:
        factories.variant("T90")

        with pytest.raises(mapping.CannotMap):
            remember("GHOST", ours, channel)
        assert not Listing.objects.exists()

    def test_does_not_turn_a_listing_into_another_article(self, account: ChannelAccount) -> None:
        factories.variant("MAT")
        factories.listing(account, factories.variant("T90"), "GHOST")

        with pytest.raises(mapping.CannotMap, match="T90"):
            remember("GHOST", "MAT")
        assert Listing.objects.get().variant.sku == "T90"


def test_retrying_before_it_is_mapped_files_it_again(account: ChannelAccount) -> None:
    message = stuck("GHOST")
    inbox.retry(ids=[message.pk], actor=MAYA, now=timezone.now())
    order_import.take_in()

    message.refresh_from_db()
    assert message.state == "quarantined"
