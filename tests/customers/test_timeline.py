import pytest

from customers import identity, timeline
from customers.identity import Person, Place
from customers.models import Customer, Identity
from oms import audit, db, search
from tests import factories

HOME = Place(name="Greg Sterling", line1="1 Main St", city="Reading", region="PA", postcode="19601", country="US")

pytestmark = pytest.mark.django_db


@db.transaction
def recognise(**about) -> int:
    """The customer that this description of a person leads to, with the keys that make them findable."""
    (found,) = identity.recognise([Person(**{"channel": "web", "name": "Greg Sterling", **about})])
    search.index(found.keys)
    assert found.customer_id is not None
    return found.customer_id


def alike(customer: int) -> dict[int, str]:
    return timeline.alike([customer], timeline.known([customer]))


class TestEverybody:
    def test_is_the_person_and_whoever_was_merged_into_them(self):
        stays, merged, _ = (Customer.objects.create(name=name) for name in ("Greg", "G.", "Anna"))
        merged.merged_into = stays
        merged.save()

        assert timeline.everybody(stays) == [stays.pk, merged.pk]


class TestKnown:
    def test_puts_what_reaches_a_person_first(self):
        customer = recognise(
            email="greg@example.com", phone="+1 610 555 0100", reference="greg_88", loyalty_number="L1"
        )

        kinds = [each.kind for each in timeline.known([customer]).identities]

        assert kinds == ["email", "phone", "loyalty", "buyer"]

    def test_puts_the_newest_of_a_kind_first(self):
        customer = recognise(email="greg@example.com", reference="greg_88")
        recognise(email="new@example.com", reference="greg_88")

        assert [each.shown for each in timeline.known([customer]).identities][:2] == [
            "new@example.com",
            "greg@example.com",
        ]

    def test_says_which_details_are_hidden(self):
        assert timeline.Known().hidden == []
        assert timeline.known([recognise(reference="greg_88")]).hidden == []
        customer = recognise(email="x@relay.example", email_is_relay=True, loyalty_number="L1", place=HOME)
        assert timeline.known([customer]).hidden == ["email", "loyalty", "address"]


class TestIdentities:
    def test_files_everything_under_who_it_is(self):
        first, second = recognise(email="greg@example.com"), recognise(email="g2@example.com")

        found = timeline.identities({first: first, second: first})

        assert list(found) == [first]
        assert {each.value for each in found[first].identities} == {"greg@example.com", "g2@example.com"}


class TestAlike:
    def test_is_who_shares_a_phone_under_another_surname(self):
        greg = recognise(phone="+1 610 555 0100")
        maud = recognise(name="Maud Other", phone="610-555-0100")

        assert alike(greg) == {maud: "same phone"}
        assert alike(maud) == {greg: "same phone"}

    def test_is_who_lives_at_the_same_door_however_it_is_written(self):
        greg = recognise(email="greg@example.com", place=HOME)
        maud = recognise(
            name="Maud Other", email="maud@example.com",
            place=Place(line1=" 1  MAIN st ", city="READING", postcode="19601", country="US"),
        )  # fmt: skip

        assert alike(greg) == {maud: "same address"}

    @pytest.mark.parametrize("place", [{"line1": "2 Main St"}, {"postcode": "19602"}, {"country": "CA"}, {"line1": ""}])
    def test_is_not_who_lives_elsewhere(self, place):
        greg = recognise(email="greg@example.com", place=HOME)
        about = {"line1": "1 Main St", "postcode": "19601", "country": "US", **place}
        recognise(name="Maud Other", email="maud@example.com", place=Place(city="Reading", **about))

        assert alike(greg) == {}

    def test_says_both_reasons(self):
        greg = recognise(email="greg@example.com", phone="+1 610 555 0100", place=HOME)
        maud = recognise(
            name="Maud Other", phone="+1 610 555 0100", place=Place(line1="1 Main St", postcode="19601", country="US")
        )

        assert alike(greg) == {maud: "same address and same phone"}

    def test_leads_to_the_one_who_stays_and_never_to_oneself(self):
        greg = recognise(phone="+1 610 555 0100")
        maud, stays = recognise(name="Maud Other", phone="610-555-0100"), Customer.objects.create(name="Maud")
        Customer.objects.filter(pk=maud).update(merged_into=stays)

        assert alike(greg) == {stays.pk: "same phone"}
        assert timeline.alike([stays.pk, maud], timeline.known([stays.pk, maud])) == {greg: "same phone"}

    def test_asks_the_database_once_and_for_nobody_not_at_all(self, django_assert_num_queries):
        known = timeline.known([recognise(phone="+1 610 555 0100", place=HOME)])

        with django_assert_num_queries(1):
            timeline.alike([1], known)
        with django_assert_num_queries(0):
            timeline.alike([1], timeline.Known())


class TestDeeds:
    def test_are_those_about_a_person_and_nobody_else_newest_first(self):
        @db.transaction
        def keep() -> None:
            for action, kind, pk in (
                ("customer.revealed", "customer", "7"), ("customer.merged", "customer", "8"),
                ("customer.revealed", "customer", "9"), ("order.accepted", "order", "7"),
            ):  # fmt: skip
                deed = audit.Deed(action=action, object_kind=kind, object_id=pk, happened_at=factories.NOW)
                audit.record(factories.ACTOR, [deed])

        keep()

        assert [(each.action, each.object_id) for each in timeline.deeds([7, 8])] == [
            ("customer.merged", "8"), ("customer.revealed", "7"),
        ]  # fmt: skip


def test_every_kind_of_identity_has_its_place():
    assert set(timeline._SHOWN_FIRST) == set(Identity.Kind)
