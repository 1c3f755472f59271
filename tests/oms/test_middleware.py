"""Who is asking is settled before any view runs, anew with every request."""

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.test import Client
from django.urls import include, path

from oms.errors import Refused
from oms.models import ALL, Role, StaffMember
from tests import factories

pytestmark = [pytest.mark.urls(__name__), pytest.mark.django_db]


class Gone(Refused):
    code, status = "gone", 404


def tell(request: HttpRequest) -> HttpResponse:
    """Say what the middleware found out."""
    staff, reach, actor = request.staff, request.reach, request.actor
    return JsonResponse(
        {
            "staff": staff and staff.role,
            "locations": _listed(reach.locations),
            "channels": _listed(reach.channels),
            "actor": [str(actor), actor.role, actor.request_id],
        }
    )


def _listed(codes: frozenset[str] | None) -> list[str] | None:
    return None if codes is None else sorted(codes)


@login_not_required
def tell_anybody(request: HttpRequest) -> HttpResponse:
    return tell(request)


def refuse(request: HttpRequest) -> HttpResponse:
    if "gone" in request.GET:
        raise Gone("There is no order 7.")
    raise Refused("Two units <b>are</b> missing.", units=2)


# Names of rows in permissions.ROUTES, and two that have none.
console = [
    path("", tell, name="home"),
    path("login/", tell_anybody, name="login"),
    path("orders/", tell, name="orders"),
    path("orders/1/", tell_anybody, name="order"),
    path("skip/", tell, name="message-skip"),
    path("new/", tell, name="screen-without-a-row"),
    path("new-and-open/", tell_anybody, name="open-screen-without-a-row"),
    path("refuse/", refuse, name="style"),
    path("search/", tell, name="search"),
    path("logout/", tell, name="logout"),
]
urlpatterns = [path("", include((console, "console"))), path("no-namespace/", tell, name="bare")]


def browser(user) -> Client:
    client = Client()
    client.force_login(user)
    return client


class TestStrangers:
    @pytest.mark.parametrize("url", ["/", "/orders/", "/skip/", "/new/", "/no-namespace/"])
    def test_are_sent_to_the_login_page(self, client, url):
        assert client.get(url).headers["Location"] == f"/login/?next={url}"

    def test_see_what_is_public(self, client):
        assert client.get("/login/").json()["actor"] == ["staff:anonymous", "", ""]

    @pytest.mark.parametrize("url", ["/orders/1/", "/new-and-open/"])
    def test_do_not_get_in_by_a_view_that_forgot_to_ask_for_a_login(self, client, url):
        assert client.get(url).status_code == 403


class TestRoutes:
    @pytest.mark.parametrize("role", Role)
    @pytest.mark.parametrize("url", ["/new/", "/new-and-open/", "/no-namespace/"])
    def test_without_a_row_are_refused_to_everybody(self, role, url):
        assert browser(factories.staff(role)).get(url).status_code == 403

    def test_are_for_the_roles_of_their_row(self):
        assert browser(factories.staff(Role.SUPERVISOR)).get("/skip/").status_code == 200
        assert browser(factories.staff(Role.AGENT)).get("/skip/").status_code == 403
        assert browser(factories.staff(Role.AGENT)).post("/skip/").status_code == 403

    def test_are_closed_to_users_without_a_role_and_to_superusers_alike(self):
        for more in ({}, {"is_staff": True, "is_superuser": True}):
            user = get_user_model().objects.create_user(f"user-{len(more)}", **more)
            assert browser(user).get("/").status_code == 403


class TestTheRequest:
    def test_knows_who_asks_and_where_they_may_act(self):
        user = factories.staff(Role.AGENT, username="grace", locations=("S2", "S1"), channels=("ebay",))
        answer = browser(user).get("/orders/", headers={"X-Request-ID": "r-1"}).json()

        assert answer == {
            "staff": "agent", "locations": ["S1", "S2"], "channels": ["ebay"], "actor": ["staff:grace", "agent", "r-1"],
        }  # fmt: skip

    def test_knows_who_may_act_everywhere(self):
        answer = browser(factories.staff()).get("/").json()

        assert (answer["locations"], answer["channels"]) == (None, None)

    def test_does_not_take_a_request_id_of_any_length(self):
        answer = browser(factories.staff()).get("/", headers={"X-Request-ID": "x" * 500}).json()

        assert answer["actor"][2] == "x" * 64


class TestChanges:
    """of rights take effect with the next request, in a session that goes on."""

    @pytest.fixture
    def agent(self):
        return factories.staff(Role.AGENT)

    def test_of_the_role(self, agent):
        desk = browser(agent)
        assert desk.get("/skip/").status_code == 403
        StaffMember.objects.filter(user=agent).update(role=Role.SUPERVISOR)
        assert desk.get("/skip/").status_code == 200
        StaffMember.objects.filter(user=agent).update(role=Role.PLATFORM_ADMIN)
        assert [desk.get(url).status_code for url in ("/skip/", "/orders/", "/")] == [403, 403, 200]

    def test_of_the_reach(self, agent):
        desk = browser(agent)
        StaffMember.objects.filter(user=agent).update(channels=["ebay"], locations=[])

        assert desk.get("/").json()["channels"] == ["ebay"]
        assert desk.get("/").json()["locations"] == []
        StaffMember.objects.filter(user=agent).update(channels=[ALL])
        assert desk.get("/").json()["channels"] is None

    def test_of_the_job(self, agent):
        desk = browser(agent)
        assert desk.get("/").status_code == 200
        agent.staff_member.delete()
        assert desk.get("/").status_code == 403

    def test_of_the_account(self, agent):
        desk = browser(agent)
        agent.is_active = False
        agent.save()

        assert desk.get("/orders/").headers["Location"] == "/login/?next=/orders/"

    def test_of_the_password(self, agent):
        desk = browser(agent)
        agent.set_password("another password")
        agent.save()

        assert desk.get("/").headers["Location"] == "/login/?next=/"


class TestRefusals:
    def test_that_no_view_dealt_with_are_answers(self):
        answer = browser(factories.staff()).get("/refuse/")

        assert answer.status_code == 409
        assert "Two units &lt;b&gt;are&lt;/b&gt; missing." in answer.text

    def test_of_what_does_not_exist_are_not_found(self):
        assert browser(factories.staff()).get("/refuse/?gone").status_code == 404
