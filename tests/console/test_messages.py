"""The error desk: why a message is stuck, and what helps."""

import json
from html import unescape

import pytest

from channels import mapping
from channels.models import Listing
from oms.models import AuditEntry, InboxMessage, Role
from oms.permissions import ACTIONS
from orders.models import Order
from tests import factories
from tests.console import mail
from tests.console.tills import HOSTILE, Tags, text_of

PEOPLE = ("Miriam Okafor", "7 Lantern Row", "07700 900123", "m_okafor82", "BS3 1JP", "members.ebay")


@pytest.fixture
def ebay(db):
    account = factories.account("ebay")
    warehouse = factories.location("WH")
    factories.stock(factories.variant(mail.OURS, title="Rubber floor mat"), 500, warehouse)
    factories.stock(factories.variant("T90", title="Folding treadmill, 12 km/h"), 50, warehouse)
    return account


@pytest.fixture
def stuck(ebay):
    """An order with a SKU nobody knows."""
    return mail.receive("14-1")


@pytest.fixture
def supervisor(as_role, ebay):
    return as_role("supervisor")


def state(message):
    message.refresh_from_db()
    return message.state


class TestWhoMay:
    @pytest.mark.parametrize("role", Role.values)
    def test_look_fix_and_set_aside_is_what_the_table_says(self, as_role, stuck, role):
        browser, url = as_role(role), f"/messages/{stuck.pk}/"
        asked = {
            "channel.read": browser.get(url),
            "message.fix": browser.post(f"{url}mapping/", {"sku": mail.THEIRS, "variant_sku": "nothing"}),
            "message.skip": browser.post(f"{url}skip/", {"reason": ""}),
        }
        for action, answer in asked.items():
            assert (answer.status_code != 403) is (role in ACTIONS[action].roles), action
        assert browser.post(f"{url}retry/").status_code == (302 if role in ACTIONS["message.fix"].roles else 403)

    def test_only_what_the_role_may_is_offered(self, as_role, stuck):
        page = text_of(as_role("finance").get(f"/messages/{stuck.pk}/"))
        assert "Your role may look, not fix." in page
        assert "Map SKU and retry" not in page

        page = text_of(as_role("merchandiser").get(f"/messages/{stuck.pk}/"))
        assert "Map SKU and retry" in page
        assert "Set aside" not in page

    def test_a_message_of_a_channel_out_of_reach_does_not_exist(self, as_role, stuck):
        browser = as_role("supervisor", channels=("amazon",))
        url = f"/messages/{stuck.pk}/"

        assert browser.get(url).status_code == 404
        for deed in ("mapping", "retry", "skip"):
            answer = browser.post(f"{url}{deed}/", {"reason": "x", "sku": mail.THEIRS, "variant_sku": "T90"})
            assert answer.status_code == 404
        assert state(stuck) == "quarantined"
        assert not Listing.objects.exists()

    @pytest.mark.parametrize("pk", [0, 999_999_999, 10**25])
    def test_one_that_never_was_is_not_found(self, supervisor, pk):
        assert supervisor.get(f"/messages/{pk}/").status_code == 404


class TestThePage:
    def test_says_what_happened_and_what_to_do(self, supervisor, stuck):
        page = text_of(supervisor.get(f"/messages/{stuck.pk}/"))

        assert "SKU not known" in page
        assert "none of our products has" in page
        assert "No product has the SKU “TREAD-1000”" in page
        assert "14-1" in page

    def test_suggests_by_the_title_the_channel_gives(self, supervisor, stuck):
        page = text_of(supervisor.get(f"/messages/{stuck.pk}/"))

        assert "The channel calls it “<bdi>Folding treadmill, 12 km/h</bdi>”" in page
        assert 'name="variant_sku" value="T90"' in page

    def test_tells_its_history(self, supervisor, stuck):
        supervisor.post(f"/messages/{stuck.pk}/retry/")
        supervisor.post(f"/messages/{stuck.pk}/skip/", {"reason": "Bought twice by mistake"})
        page = text_of(supervisor.get(f"/messages/{stuck.pk}/"))

        told = [page.index(words) for words in ("Received", "Put back in the queue", "Set aside for good")]
        assert told == sorted(told)
        assert "Bought twice by mistake" in page
        assert "It was stuck for: SKU not known" in page

    def test_leads_to_the_order_it_became(self, as_role, ebay):
        done = mail.receive("14-2", sku="T90")
        number = Order.objects.get().number

        page = text_of(as_role("supervisor").get(f"/messages/{done.pk}/"))
        assert f'href="/orders/{number}/"' in page
        assert "This message was taken in." in page
        page = text_of(as_role("merchandiser").get(f"/messages/{done.pk}/"))
        assert f"order {number}" in page
        assert f'href="/orders/{number}/"' not in page

    def test_says_when_newer_news_overtook_it(self, supervisor, ebay):
        old = mail.receive("14-3")
        new = mail.receive("14-3", sku="T90", event="14-3:2")
        page = text_of(supervisor.get(f"/messages/{old.pk}/"))

        assert "A newer message about it has come in" in page
        assert f'href="/messages/{new.pk}/"' in page
        assert "A newer message" not in text_of(supervisor.get(f"/messages/{new.pk}/"))

    def test_looks_again_by_itself_while_it_is_being_taken_in(self, supervisor, ebay):
        waiting = mail.receive("14-4", sku="T90", take_in=False)
        page = text_of(supervisor.get(f"/messages/{waiting.pk}/"))
        assert 'hx-trigger="every 2s"' in page
        assert "Map SKU" not in page

        fragment = supervisor.get(f"/messages/{waiting.pk}/", headers={"HX-Request": "true"})
        assert b"<html" not in fragment.content
        assert "HX-Request" in fragment["Vary"]

    def test_costs_the_same_few_statements_however_much_is_stuck(self, supervisor, ebay, django_assert_max_num_queries):
        for number in range(12):
            mail.receive(f"14-{number}", take_in=False)
        for version in range(2, 14):
            mail.receive("14-0", event=f"14-0:{version}", take_in=version == 13)
        stuck = InboxMessage.objects.filter(state="quarantined").first()
        with django_assert_max_num_queries(15):
            page = supervisor.get(f"/messages/{stuck.pk}/")

        assert "24 messages of this channel are stuck for this" in text_of(page)
        assert len(page.content) < 60_000

    @pytest.mark.parametrize("sku", [HOSTILE, "נועה", "a%b_c\\", "'; DROP TABLE x", "x" * 80])
    def test_hostile_text_stays_text(self, supervisor, ebay, sku):
        stuck = mail.receive("14-5", sku=sku, buyerCheckoutNotes=HOSTILE)
        page = supervisor.get(f"/messages/{stuck.pk}/").content.decode()
        assert stuck.code == "sku_unmapped"
        assert {"img", "style"} & set(Tags(page).found) == set()

        answer = supervisor.post(f"/messages/{stuck.pk}/mapping/", {"sku": sku, "typed": HOSTILE})
        assert answer.status_code == 422
        assert "img" not in Tags(answer.content.decode()).found
        assert supervisor.post(f"/messages/{stuck.pk}/mapping/", {"sku": sku, "variant_sku": "T90"}, follow=True)
        assert state(stuck) == "done"

    @pytest.mark.parametrize(
        "raw",
        [b"\xff\xfe", b"", b"[" * 5000, b'{"a": NaN}', b'{"orderId": "1", "orderId": "2"}', b'"\\ud800"', b"[1, 2]"],
    )
    def test_what_cannot_be_read_can_be_looked_at(self, as_role, ebay, raw):
        stuck = mail.receive("14-6", raw or b"x")
        assert stuck.state == "quarantined"
        for role in ("supervisor", "auditor", "merchandiser"):
            assert as_role(role).get(f"/messages/{stuck.pk}/").status_code == 200


class TestPeopleInIt:
    @pytest.mark.parametrize("role", sorted(ACTIONS["channel.read"].roles))
    def test_people_are_covered_unless_the_role_may_see_both_raw_orders_and_people(self, as_role, stuck, role):
        page = text_of(as_role(role).get(f"/messages/{stuck.pk}/"))
        sees = role in ACTIONS["order.read_raw"].roles & ACTIONS["customer.read"].roles

        assert [word for word in PEOPLE if word in page] == (list(PEOPLE) if sees else [])
        assert '"sku": "TREAD-1000"' in page
        assert ("are covered for your role" in page) is not sees


class TestMapping:
    def test_one_answer_frees_everything_that_waited_for_it(self, supervisor, ebay):
        waiting = [mail.receive(f"14-{number}") for number in range(3)]
        other = mail.receive("14-9", sku="UNHEARD-OF")
        answer = supervisor.post(
            f"/messages/{waiting[0].pk}/mapping/", {"sku": mail.THEIRS, "variant_sku": "T90"}, follow=True
        )

        assert "“TREAD-1000” now means T90. 3 messages are being taken in." in text_of(answer)
        assert [state(message) for message in waiting] == ["done"] * 3
        assert state(other) == "quarantined"
        assert Order.objects.count() == 3
        assert Listing.objects.get().variant.sku == "T90"
        assert AuditEntry.objects.filter(action="listing.mapped").count() == 1

    def test_a_second_press_changes_nothing(self, supervisor, stuck):
        said = {"sku": mail.THEIRS, "variant_sku": "T90"}
        supervisor.post(f"/messages/{stuck.pk}/mapping/", said)
        again = supervisor.post(f"/messages/{stuck.pk}/mapping/", said, follow=True)

        assert "no longer waits for that SKU; nothing was changed" in text_of(again)
        assert Order.objects.count() == 1
        assert AuditEntry.objects.filter(action="listing.mapped").count() == 1

    def test_another_sku_can_be_typed(self, supervisor, stuck):
        supervisor.post(f"/messages/{stuck.pk}/mapping/", {"sku": mail.THEIRS, "typed": " T90 "})

        assert state(stuck) == "done"

    @pytest.mark.parametrize("typed", ["T91", "", "t90", "\x00", "x" * 5000])
    def test_what_is_no_sku_of_ours_is_refused_in_words_and_kept(self, supervisor, stuck, typed):
        answer = supervisor.post(f"/messages/{stuck.pk}/mapping/", {"sku": mail.THEIRS, "typed": typed})

        assert answer.status_code == 422
        assert "We have no product with the SKU" in text_of(answer)
        assert f'value="{typed[:80]}"' in text_of(answer)
        assert state(stuck) == "quarantined"

    @pytest.mark.parametrize("theirs", ["", "SOMETHING-ELSE", mail.OURS, HOSTILE])
    def test_a_sku_the_message_does_not_wait_for_is_not_mapped(self, supervisor, stuck, theirs):
        supervisor.post(f"/messages/{stuck.pk}/mapping/", {"sku": theirs, "variant_sku": "T90"})

        assert not Listing.objects.exists()
        assert state(stuck) == "quarantined"

    def test_a_mapping_that_stands_is_not_overwritten(self, supervisor, stuck, ebay):
        factories.listing(ebay, factories.variant("OTHER"), sku=mail.THEIRS)
        answer = supervisor.post(f"/messages/{stuck.pk}/mapping/", {"sku": mail.THEIRS, "variant_sku": "T90"})

        assert answer.status_code == 422
        assert "already mapped to OTHER" in text_of(answer)

    @pytest.mark.parametrize(
        "lines",
        ["x", ["x"], [{"product": "x"}], [{"sku": {}, "product": []}], [{"sku": "A", "title": "a\x00\ud800"}], None],
    )
    def test_a_title_is_looked_for_in_anything(self, lines):
        for name in ("lineItems", "orderItems"):
            message = InboxMessage(raw=json.dumps({name: lines}).encode())
            assert mapping.title_in(message, "A") == ""


class TestRetry:
    def test_takes_in_what_can_be_taken_in_now(self, supervisor, stuck, ebay):
        factories.listing(ebay, mail_variant := factories.variant("OTHER"), sku=mail.THEIRS)
        factories.stock(mail_variant, 9)
        answer = supervisor.post(f"/messages/{stuck.pk}/retry/", follow=True)

        assert "1 message is being taken in." in text_of(answer)
        assert state(stuck) == "done"
        assert AuditEntry.objects.get(action="inbox.retried").object_id == str(stuck.pk)

    def test_doing_it_twice_is_doing_it_once(self, supervisor, stuck, ebay):
        factories.listing(ebay, factories.variant("OTHER"), sku=mail.THEIRS)
        supervisor.post(f"/messages/{stuck.pk}/retry/")
        again = supervisor.post(f"/messages/{stuck.pk}/retry/", follow=True)

        assert "nothing was changed" in text_of(again)
        assert Order.objects.count() == 1

    def test_all_with_this_cause_means_this_channel_and_this_cause(self, supervisor, ebay):
        alike = [mail.receive(f"14-{number}") for number in range(3)]
        unreadable = mail.receive("14-8", b"x")
        factories.account("amazon")
        elsewhere = mail.receive("14-9", channel="amazon")
        InboxMessage.objects.filter(pk=elsewhere.pk).update(state="quarantined", code="sku_unmapped")
        answer = supervisor.post(f"/messages/{alike[0].pk}/retry/", {"all": "sku_unmapped"}, follow=True)

        assert "3 messages are being taken in." in text_of(answer)
        assert answer.redirect_chain[0][0] == "/channels/ebay/"
        retried = AuditEntry.objects.filter(action="inbox.retried").values_list("object_id", flat=True)
        assert sorted(retried) == sorted(str(message.pk) for message in alike)
        assert state(unreadable) == state(elsewhere) == "quarantined"

    @pytest.mark.parametrize("cause", ["no_such_cause", "\x00", HOSTILE, "x" * 5000])
    def test_a_cause_from_nowhere_retries_nothing(self, supervisor, stuck, cause):
        supervisor.post(f"/messages/{stuck.pk}/retry/", {"all": cause})

        assert not AuditEntry.objects.filter(action="inbox.retried").exists()


class TestSettingAside:
    def test_keeps_the_reason_and_who_gave_it(self, supervisor, stuck):
        answer = supervisor.post(f"/messages/{stuck.pk}/skip/", {"reason": "  Bought twice\nby mistake "}, follow=True)
        kept = AuditEntry.objects.get(action="inbox.skipped")

        assert "Set aside for good. Your reason is kept with it." in text_of(answer)
        assert state(stuck) == "ignored"
        assert (kept.reason, kept.role, kept.object_id) == ("Bought twice by mistake", "supervisor", str(stuck.pk))
        assert kept.actor.startswith("staff:supervisor")

    @pytest.mark.parametrize("reason", ["", "   ", "\n\t", "\x00", "\u200b"])
    def test_asks_for_a_reason(self, supervisor, stuck, reason):
        answer = supervisor.post(f"/messages/{stuck.pk}/skip/", {"reason": reason})

        assert answer.status_code == 422
        assert "Say why this message is skipped" in text_of(answer)
        assert state(stuck) == "quarantined"

    def test_a_second_press_is_told_that_it_is_done(self, supervisor, stuck):
        for _ in range(2):
            answer = supervisor.post(f"/messages/{stuck.pk}/skip/", {"reason": "Twice"}, follow=True)

        assert "Somebody has dealt with this message already" in text_of(answer)
        assert AuditEntry.objects.filter(action="inbox.skipped").count() == 1

    def test_what_was_set_aside_is_not_taken_in_by_a_retry(self, supervisor, stuck):
        supervisor.post(f"/messages/{stuck.pk}/skip/", {"reason": "No"})
        supervisor.post(f"/messages/{stuck.pk}/retry/")

        assert state(stuck) == "ignored"

    def test_two_stories_under_one_name_are_both_there(self, supervisor, ebay):
        mail.receive("14-1", sku="T90", event="e")
        second = mail.receive("14-1", sku="T90", buyerCheckoutNotes="other", event="e")
        page = unescape(text_of(supervisor.get(f"/messages/{second.pk}/")))

        assert second.code == "event_id_reuse"
        assert "Two stories, one name" in page
        assert "Others about the same" in page
