"""Rules that Postgres itself keeps."""

import pytest
from django.db import IntegrityError

from customers.models import Address, Customer, Identity

pytestmark = pytest.mark.django_db


def test_nobody_is_merged_into_themselves():
    greg = Customer.objects.create(name="Greg")
    greg.merged_into = greg

    with pytest.raises(IntegrityError, match="nobody_is_merged_into_themselves"):
        greg.save()


@pytest.mark.parametrize(
    ("constraint", "bad"),
    [
        ("an_identity_says_something", {"value": ""}),
        ("identity_kind_exists", {"kind": "fax"}),
        ("an_identity_names_one_person", {"value": "taken@example.com"}),
        ("an_identity_is_kept_once", {"kind": "phone", "value": "16105550100"}),
    ],
)
def test_identity(constraint, bad):
    ann, greg = Customer.objects.create(name="Ann"), Customer.objects.create(name="Greg")
    Identity.objects.create(customer=ann, kind="email", value="taken@example.com", shown="taken@example.com")
    Identity.objects.create(customer=greg, kind="phone", value="16105550100", shown="610 555 0100")

    with pytest.raises(IntegrityError, match=constraint):
        Identity.objects.create(**{"customer": greg, "kind": "email", "value": "g@example.com", "shown": "g", **bad})


@pytest.mark.parametrize("kind", ["phone", "relay"])
def test_a_phone_and_a_relay_may_belong_to_many(kind):
    for name in ("Ann", "Greg"):
        Identity.objects.create(customer=Customer.objects.create(name=name), kind=kind, value="v", shown="v")


@pytest.mark.parametrize(
    ("constraint", "bad"),
    [
        ("address_country_is_iso", {"country": "us"}),
        ("address_country_is_iso", {"country": ""}),
        ("an_address_is_kept_once", {"fingerprint": "taken"}),
    ],
)
def test_address(constraint, bad):
    greg = Customer.objects.create(name="Greg")
    Address.objects.create(customer=greg, fingerprint="taken", country="US")

    with pytest.raises(IntegrityError, match=constraint):
        Address.objects.create(**{"customer": greg, "fingerprint": "new", "country": "US", **bad})
