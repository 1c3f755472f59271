"""manage.py api_client: letting a program in."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from oms.models import ApiClient

pytestmark = pytest.mark.django_db


def let_in(name="web-shop", *more):
    shown = StringIO()
    call_command(
        "api_client", name, "--scope", "stock:read", "--channel", "web", "--location", "*", *more, stdout=shown
    )
    return shown.getvalue().strip()


def opens(client, key):
    answer = client.get("/api/v1/availability", {"sku": "T90"}, headers={"Authorization": f"Bearer {key}"})
    return answer.status_code == 200


def test_the_key_it_prints_opens_the_api(client):
    assert opens(client, let_in())
    made = ApiClient.objects.get()
    assert (made.scopes, made.channels, made.locations) == (["stock:read"], ["web"], ["*"])


def test_a_second_program_of_the_same_name_is_refused(client):
    first = let_in()
    with pytest.raises(CommandError, match="already"):
        let_in()
    assert opens(client, first)


def test_a_renewed_program_has_one_key_the_new_one(client):
    first = let_in()
    second = let_in("web-shop", "--renew")
    assert opens(client, second)
    assert not opens(client, first)


def test_a_scope_that_does_not_exist_is_refused():
    with pytest.raises(CommandError, match="invalid choice"):
        call_command("api_client", "web-shop", "--scope", "everything")
