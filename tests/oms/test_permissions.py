"""Who may do what and where: nobody anything, unless the table says so."""

import pytest

from oms import permissions
from oms.models import ALL, ApiClient, Role, Scope, StaffMember
from oms.permissions import ACTIONS, EVERYWHERE, NOWHERE, Reach

READING = {"search", "signed_in"} | {name for name in ACTIONS if name.split(".")[-1].startswith("read")}
WRITING = set(ACTIONS) - READING


class TestStaffMay:
    @pytest.mark.parametrize("role", [None, "", "ghost", "AGENT", "*"])
    def test_nothing_without_a_role(self, role):
        assert not any(permissions.staff_may(role, action) for action in ACTIONS)

    @pytest.mark.parametrize("action", ["", "order", "order.delete", "public", "*", "ORDER.READ"])
    def test_nothing_that_is_not_in_the_table(self, action):
        assert not any(permissions.staff_may(role, action) for role in Role)

    @pytest.mark.parametrize(
        ("role", "may", "may_not"),
        [
            (Role.ASSOCIATE, {"order.place", "order.ship"}, {"order.cancel", "customer.read", "stock.adjust"}),
            (Role.STORE_MANAGER, {"order.cancel", "stock.adjust"}, {"customer.reveal", "message.fix", "access.read"}),
            (Role.AGENT, {"order.cancel", "customer.read"}, {"order.ship", "order.read_raw", "message.fix"}),
            (Role.SUPERVISOR, {"message.skip", "order.read_raw"}, {"stock.adjust", "access.read"}),
            (Role.FINANCE, {"order.read"}, WRITING | {"customer.read"}),
            (Role.MERCHANDISER, {"product.read", "message.fix"}, {"order.read", "customer.read", "message.skip"}),
            (Role.INVENTORY_MANAGER, {"stock.adjust", "order.allocate"}, {"customer.read", "order.cancel"}),
            (Role.INTEGRATION_ADMIN, {"message.skip", "channel.read"}, {"customer.read", "order.cancel"}),
            (Role.PRIVACY_OFFICER, {"customer.reveal"}, {"order.read", "search", "product.read"}),
            (Role.AUDITOR, {"access.read", "order.read_raw"}, WRITING | {"customer.read"}),
            (Role.PLATFORM_ADMIN, {"access.read"}, (WRITING | {"order.read", "customer.read", "search"})),
        ],
    )
    def test_each_role_its_own_work(self, role, may, may_not):
        allowed = {action for action in ACTIONS if permissions.staff_may(role, action)}

        assert may <= allowed
        assert not may_not & allowed

    def test_every_role_can_come_in(self):
        assert all(permissions.staff_may(role, permissions.SIGNED_IN) for role in Role)


class TestDemandStaff:
    def test_says_who_may_not(self):
        permissions.demand_staff(Role.SUPERVISOR, "message.skip")
        for role, name in ((Role.AGENT, "Call-centre agent"), (None, "Nobody without a role")):
            with pytest.raises(permissions.NotAllowed, match=name) as refused:
                permissions.demand_staff(role, "message.skip")
            assert (refused.value.status, refused.value.facts) == (403, {"action": "message.skip"})


class TestClientMay:
    def test_what_one_of_its_scopes_opens(self):
        opened = {action for action in ACTIONS if permissions.client_may([Scope.ORDERS_READ], action)}

        assert opened == {"order.read"}

    @pytest.mark.parametrize("scopes", [[], [""], ["*"], ["orders:*"], ["orders"], ["ORDERS:READ"], ["public"]])
    def test_nothing_by_something_that_is_no_scope(self, scopes):
        assert not any(permissions.client_may(scopes, action) for action in [*ACTIONS, "", "order.delete"])

    def test_nothing_that_is_for_people_only(self):
        for action in ("customer.reveal", "message.skip", "access.read", "search", permissions.SIGNED_IN):
            assert not permissions.client_may(Scope.values, action)

    def test_every_scope_opens_something(self):
        assert {rule.scope for rule in ACTIONS.values()} - {""} == set(Scope.values)


class TestReach:
    @pytest.mark.parametrize("kind", [StaffMember, ApiClient])
    def test_is_where_somebody_may_act(self, kind):
        assert permissions.reach(kind(locations=[ALL], channels=[ALL])) == EVERYWHERE
        assert permissions.reach(kind()) == NOWHERE
        assert permissions.reach(kind(locations=["S1", "S2"], channels=[ALL])) == Reach(frozenset({"S1", "S2"}), None)

    def test_of_nobody_is_nowhere(self):
        assert permissions.reach(None) == NOWHERE

    def test_has_what_it_names(self):
        some = Reach(frozenset({"S1"}), frozenset({"ebay"}))

        assert (some.has_location("S1"), some.has_location("S2"), some.has_location("")) == (True, False, False)
        assert (some.has_channel("ebay"), some.has_channel("amazon")) == (True, False)
        assert EVERYWHERE.has_location("anything")
        assert EVERYWHERE.has_channel("anything")
        assert not NOWHERE.has_location("S1")
        assert not NOWHERE.has_channel("ebay")
