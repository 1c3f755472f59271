"""The lock-free race of two newcomers was shown by taking out the count that notices it."""

import pytest

from customers import identity
from customers.identity import Person, Place, Recognised
from customers.models import Address, Customer, Identity
from oms import db, search
from tests import factories
from tests.inventory.shelves import no_deadlocks
from tests.oms.threads import Step, together, wait_until_blocked

commits = pytest.mark.django_db(transaction=True)
HOME = Place(name="Greg Sterling", line1="1 Main St", city="Reading", region="PA", postcode="19601", country="US")


@db.transaction
def recognise(*people: Person) -> list[Recognised]:
    found = identity.recognise(people)
    search.index(key for each in found for key in each.keys)
    return found


def who(**described: object) -> int | None:
    (found,) = recognise(Person(**{"channel": "web", **described}))
    return found.customer_id


@pytest.mark.django_db
class TestRecognise:
    def test_makes_a_newcomer_a_customer(self):
        customer = who(name="Greg Sterling", email="Greg@Example.com", phone="(610) 555-0100", place=HOME)

        greg = Customer.objects.get(pk=customer)
        assert (greg.name, greg.first_channel) == ("Greg Sterling", "web")
        assert set(greg.identities.values_list("kind", "value", "shown", "channel")) == {
            ("email", "greg@example.com", "Greg@Example.com", "web"),
            ("phone", "16105550100", "(610) 555-0100", "web"),
        }
        assert greg.addresses.get().postcode == "19601"

    def test_knows_nobody_about_whom_nothing_is_said(self):
        assert who() is None
        assert not Customer.objects.exists()

    @pytest.mark.parametrize(
        "again",
        [
            {"email": "GREG@example.com"},
            {"loyalty_number": " ll-77 "},
            {"reference": "Galaxy_Shopper", "channel": "ebay"},
        ],
    )
    def test_meets_the_same_person_again_by(self, again):
        customer = who(
            channel="ebay", name="Greg Sterling", email="greg@example.com", loyalty_number="LL-77",
            reference="galaxy_shopper",
        )  # fmt: skip

        assert who(**{"channel": "till", "name": "Somebody Else", **again}) == customer
        assert Customer.objects.count() == 1

    def test_learns_how_else_to_reach_them(self):
        customer = who(name="Greg Sterling", email="greg@example.com")

        who(name="Greg Sterling", email="greg@example.com", loyalty_number="LL-77")

        assert who(channel="till", loyalty_number="LL-77") == customer

    def test_keeps_the_name_they_came_with(self):
        customer = who(name="Greg Sterling", email="greg@example.com")

        who(name="G. Sterling", email="greg@example.com")

        assert Customer.objects.get(pk=customer).name == "Greg Sterling"

    def test_takes_a_buyer_of_another_channel_for_another(self):
        assert who(channel="ebay", reference="galaxy") != who(channel="amazon", reference="galaxy")

    def test_decides_by_the_stronger_of_two_that_lead_to_different_people(self):
        card_holder, mail_owner = who(loyalty_number="LL-77"), who(email="greg@example.com")

        assert who(loyalty_number="LL-77", email="greg@example.com") == card_holder

        assert Identity.objects.get(kind="email").customer_id == mail_owner, "nobody's e-mail is taken from them"

    def test_leads_to_whom_somebody_was_merged_into(self):
        old, stays = who(email="old@example.com"), who(email="new@example.com")
        Customer.objects.filter(pk=old).update(merged_into=stays)

        assert who(email="old@example.com") == stays


@pytest.mark.django_db
class TestRelayEmail:
    """A marketplace's forwarding address reaches a person and recognises nobody."""

    def test_never_makes_two_buyers_one(self):
        relay = {"channel": "amazon", "email": "x1@marketplace.amazon.com", "email_is_relay": True}

        assert who(name="Ann Lee", **relay) != who(name="Bob Ray", **relay)

    def test_is_not_taken_for_the_e_mail_of_somebody(self):
        somebody = who(email="x1@marketplace.amazon.com")

        assert who(name="Ann", email="x1@marketplace.amazon.com", email_is_relay=True) != somebody

    def test_is_kept_to_be_found(self):
        ann = who(name="Ann Lee", email="x1@marketplace.amazon.com", email_is_relay=True)

        (hit,) = search.look_up(search.read("x1@marketplace.amazon.com"), channels=None)
        assert (hit.entity_kind, hit.entity_id) == ("customer", ann)


@pytest.mark.django_db
class TestPhone:
    """Families share one: it recognises together with the surname only."""

    @pytest.mark.parametrize(
        ("name", "again"),
        [
            ("Greg Sterling", "Mr. Gregory STERLING"),
            ("Greg Sterling", "Sterling, Greg"),
            ("Greg Sterling", "Greg Sterling Jr."),
            ("Greg Sterling, Acme Inc", "Greg Sterling"),
            ("Zoë Müller", "Zoe Muller"),
            ("Zoë Mu\u0308ller", "zoe MÜLLER"),
            ("Иван Петров", "И. ПЕТРОВ"),
            ("山田太郎", "山田太郎"),
        ],
    )
    def test_recognises_with_the_same_surname(self, name, again):
        customer = who(name=name, phone="610 555 0100")

        assert who(name=again, phone="+1-610-555-0100") == customer

    @pytest.mark.parametrize(
        ("name", "other"),
        [
            ("Greg Sterling", "Ann Miller"),
            ("Greg Sterling", "Greg Sterlnig"),  # misspelt: a person may merge them, we do not
            ("Greg Sterling Jr.", "Bob Miller Jr."),
            ("Greg Sterling", ""),
            ("Jr.", "Jr."),
        ],
    )
    def test_recognises_nobody_else(self, name, other):
        customer = who(name=name, phone="610 555 0100")

        assert who(name=other, phone="610 555 0100") != customer

    def test_recognises_whom_we_have_known_longest(self):
        """Both came with the same phone and surname at different moments of a busy day, before each was known."""
        first = Customer.objects.create(name="Greg Sterling")
        second = Customer.objects.create(name="Ann Sterling")
        for customer in (second, first):
            Identity.objects.create(customer=customer, kind="phone", value="16105550100", shown="610 555 0100")

        assert who(name="G Sterling", phone="610 555 0100") == first.pk


@pytest.mark.django_db
class TestNames:
    @pytest.mark.parametrize("name", ["Greg Sterling", "Greg Sterlign", "GREG STERLING"])
    def test_alone_never_match(self, name):
        greg = who(name="Greg Sterling", email="greg@example.com", place=HOME)

        assert who(name=name, place=HOME) != greg

    @pytest.mark.parametrize("name", ["👩‍👩‍👧 Zoë", "x" * 4000, "‮gnilretS", "O'Brien \\ %s"])
    def test_may_be_anything(self, name):
        customer = who(name=name, email="who@example.com")

        assert Customer.objects.get(pk=customer).name == name[:200]


@pytest.mark.django_db
class TestAddresses:
    def test_are_kept_once_however_they_are_spelt(self):
        greg = who(email="greg@example.com", place=HOME)

        again = Place(
            name="GREG  STERLING", line1="1 main st", city="Réading", region="pa", postcode="19601", country="US"
        )
        who(email="greg@example.com", place=again)

        assert Address.objects.get().customer_id == greg

    def test_are_kept_for_each_of_those_who_live_there(self):
        greg, ann = who(email="greg@example.com", place=HOME), who(email="ann@example.com", place=HOME)

        assert set(Address.objects.values_list("customer", flat=True)) == {greg, ann}

    def test_without_a_country_are_left_in_the_order(self):
        who(email="greg@example.com", place=Place(line1="1 Main St", postcode="19601"))

        assert not Address.objects.exists()

    def test_that_are_too_long_are_cut(self):
        place = Place(
            name="n" * 500, line1="a" * 500, line2="b" * 500, city="c" * 500, region="d" * 500, postcode="e" * 500,
            country="US", phone="1" * 500,
        )  # fmt: skip

        who(email="greg@example.com", place=place)

        kept = Address.objects.get()
        assert [len(text) for text in (kept.name, kept.line1, kept.city, kept.region, kept.postcode, kept.phone)] == [
            200, 200, 120, 80, 20, 40,
        ]  # fmt: skip


@pytest.mark.django_db
class TestBatch:
    def test_knows_a_newcomer_who_comes_twice(self):
        first, second, third = recognise(
            Person(channel="web", name="Greg Sterling", email="greg@example.com", phone="610 555 0100"),
            Person(channel="web", name="Greg Sterling", email="GREG@example.com", loyalty_number="LL-77"),
            Person(channel="web", name="Ann Sterling", phone="610 555 0100"),
        )

        assert first.customer_id == second.customer_id == third.customer_id
        assert Customer.objects.count() == 1
        assert Identity.objects.count() == 3

    def test_costs_as_many_statements_for_fifty_as_for_two(self, django_assert_num_queries):
        people = [
            Person(channel="web", name=f"Buyer {n}", email=f"b{n}@example.com", phone=f"610 555 {n:04}", place=HOME)
            for n in range(50)
        ]

        with django_assert_num_queries(4):  # with the savepoint of the test

            @db.transaction
            def take_in() -> None:
                identity.recognise(people)

            take_in()

    def test_asks_once_when_everybody_is_known(self, django_assert_num_queries):
        people = [Person(channel="web", name="Greg", email="greg@example.com", place=HOME)]
        recognise(*people)

        @db.transaction
        def meet_again() -> None:
            identity.recognise(people)

        with django_assert_num_queries(3):  # with the savepoint of the test
            meet_again()


@commits
class TestTwoAtOnce:
    def test_take_in_one_newcomer_once(self):
        greg = {"name": "Greg Sterling", "email": "greg@example.com", "loyalty_number": "LL-77"}

        found = together([lambda: who(**greg)] * 4)

        assert len(set(found)) == 1
        assert Customer.objects.get().pk == found[0]

    def test_notice_the_other_even_after_having_looked(self):
        """The second has looked, and found nobody, before the first commits."""
        is_written = Step()

        @db.transaction
        def slowly() -> int | None:
            (found,) = identity.recognise([Person(channel="web", email="greg@example.com")])
            is_written.reached()
            wait_until_blocked()
            return found.customer_id

        def then() -> int | None:
            is_written.wait()
            return who(name="Greg Sterling", email="greg@example.com")

        first, second = together([slowly, then])

        assert first == second
        assert Customer.objects.count() == 1

    def test_take_in_the_same_crowd_in_any_order(self):
        """A third one holds the e-mail in the middle until both have come so far."""
        first, middle, last = (Person(channel="web", name=name, email=f"{name}@example.com") for name in "abc")
        is_written = Step()

        @db.transaction
        def write_the_middle() -> None:
            identity.recognise([middle])
            is_written.reached()
            wait_until_blocked(2)

        def take_in(*people: Person) -> list[Recognised]:
            is_written.wait()
            return recognise(*people)

        with no_deadlocks():
            _, one, other = together(
                [write_the_middle, lambda: take_in(first, middle, last), lambda: take_in(last, middle, first)]
            )

        assert {each.customer_id for each in one} == {each.customer_id for each in other}
        assert Customer.objects.count() == 3

    def test_orders_of_one_newcomer_are_one_customers(self):
        factories.marketplace("ebay")
        factories.channel("web")
        factories.stock(factories.variant("T90"), 9)

        orders = together(
            [lambda c=code: factories.order(factories.line("T90"), channel=c) for code in ("ebay", "web") * 2]
        )

        assert len({order.customer_id for order in orders}) == 1, orders
