"""What is done each time the playground opens: accounts led to their marketplaces, marketplaces told, people let in."""

import json
import stat

import pytest
from django.contrib.auth import get_user_model

from channels import credentials, order_import
from channels.models import ChannelAccount, StockPush, SyncCursor
from demo.loading import offers, staff
from demo.marketplaces import AmazonMarketplace, EbayMarketplace
from demo.marketplaces.__main__ import COUNTRIES
from demo.simulators import Elsewhere, Simulator
from demo.world import shopper
from demo.world.shapes import Pick
from oms.models import ALL, ApiClient, Role
from tests import factories

pytestmark = pytest.mark.usefixtures("world_is_read")


@pytest.fixture(params=["ebay", "amazon"])
def market(request):
    """A marketplace as the demo runs it."""
    on_ebay, on_amazon = COUNTRIES["US"]
    ebay, amazon = EbayMarketplace(marketplace_id=on_ebay), AmazonMarketplace(marketplace_id=on_amazon, settle=0)
    market = ebay if request.param == "ebay" else amazon
    with market.serve() as running:
        yield market, Simulator(market.kind, running.url)


@pytest.fixture
def listing(market, db):
    """A listing nobody has been told of yet: two can be sold."""
    _, simulator = market
    account = factories.account(simulator.kind)
    ChannelAccount.objects.update(state=ChannelAccount.State.PAUSED)
    variant = factories.variant("T90")
    factories.stock(variant, 2)
    return factories.listing(account, variant, external_id="123456789012", product_type="HOME", price=899_00)


class TestConnecting:
    def test_the_account_is_led_to_where_its_marketplace_answers_this_time(self, market, listing):
        _, simulator = market
        offers.connect(simulator)
        account = ChannelAccount.objects.get()
        assert account.state == ChannelAccount.State.ACTIVE
        assert account.settings["api"] == account.settings["auth"] == simulator.url
        assert credentials.of(account).client_id == "demo-client"

    @pytest.mark.parametrize(("own", "seconds"), [({"every": "1"}, 1.0), ({}, order_import.EVERY)])
    def test_the_account_is_looked_at_as_often_as_its_settings_say(self, market, listing, settings, own, seconds):
        _, simulator = market
        settings.OMS_ALLOWED_PRIVATE_HOSTS = [simulator.url.removeprefix("http://")]
        offers.connect(simulator)
        account = ChannelAccount.objects.get()
        del account.settings["every"]
        account.settings |= own
        account.save()
        order_import.pull(account_id=account.pk)
        cursor = SyncCursor.objects.get()
        assert cursor.error == ""
        assert (cursor.next_at - cursor.last_started_at).total_seconds() == seconds


class TestOpening:
    def test_a_marketplace_is_told_what_can_be_sold_and_we_know_that_it_is(self, market, listing):
        side, simulator = market
        assert offers.open_marketplace(simulator) == 1
        assert simulator.stock() == {"T90": 2}
        assert side.listings["T90"]["price"] == "899.00"
        assert side.listings["T90"]["currency"] == "USD"
        listing.refresh_from_db()
        assert listing.told == 2
        assert listing.told_at
        assert not StockPush.objects.exists()

    def test_what_it_knows_is_left_to_the_pushes(self, market, listing):
        side, simulator = market
        offers.open_marketplace(simulator)
        side.set_stock("T90", 1)  # somebody bought one meanwhile
        assert offers.open_marketplace(simulator) == 0
        assert simulator.stock() == {"T90": 1}

    def test_one_that_forgot_everything_is_told_again(self, market, listing):
        side, simulator = market
        offers.open_marketplace(simulator)
        side.listings.clear()
        assert offers.open_marketplace(simulator) == 1
        assert simulator.stock() == {"T90": 2}


class TestBuying:
    def purchase(self, kind, quantity):
        purchase = next(shopper.purchases(shares=((kind, 1),)))
        pick = Pick(sku="T90", external_id="", title="T90", quantity=quantity, unit_price=899_00)
        return type(purchase)(
            channel=kind,
            person=purchase.person,
            buyer=purchase.buyer,
            ship_to=purchase.ship_to,
            store="",
            picks=(pick,),
        )

    def test_a_buyer_buys_what_is_there_and_leaves_when_it_is_not(self, market, listing):
        side, simulator = market
        offers.open_marketplace(simulator)
        number = simulator.buy(self.purchase(simulator.kind, 2), shipping="4.99")
        assert side.order(number)["shipping"] == "4.99"
        assert side.order(number)["address"]["line1"]
        with pytest.raises(Elsewhere):
            simulator.buy(self.purchase(simulator.kind, 1))
        assert [order["number"] for order in simulator.orders()] == [number]

    def test_numbers_go_on_after_a_restart(self, tmp_path):
        numbers = []
        for _ in range(2):
            side = EbayMarketplace(state=tmp_path)
            side.list("T90", quantity=20, price="1.00")
            numbers += [side.buy("T90") for _ in range(10)]  # more than one a second
            side.close()
        assert len(set(numbers)) == 20

    def test_what_the_seller_says_is_remembered_and_a_sale_is_not_taken_for_it(self, market):
        side, simulator = market
        side.list("T90", quantity=2, price="1.00")
        side.buy("T90")
        side.take_push("T90", 7)
        assert [(push["sku"], push["quantity"]) for push in simulator.pushes()] == [("T90", 7)]


@pytest.mark.django_db
class TestStaff:
    def test_there_is_a_login_for_every_role_and_it_works(self, tmp_path):
        kept = staff.Secrets(tmp_path / "secrets.json")
        logins = staff.logins(kept)
        assert [login.role for login in logins] == [str(role.label) for role in Role]
        for login in logins:
            assert get_user_model().objects.get(username=login.username).check_password(login.password)
        members = {user.staff_member.role: user.staff_member for user in get_user_model().objects.all()}
        assert members[Role.SUPERVISOR].locations == [ALL]
        assert len(members[Role.ASSOCIATE].locations) == 1
        assert ALL not in members[Role.ASSOCIATE].locations

    def test_the_next_start_shows_the_same_ones(self, tmp_path):
        first = staff.logins(staff.Secrets(tmp_path / "secrets.json"))
        assert staff.logins(staff.Secrets(tmp_path / "secrets.json")) == first

    def test_a_lost_file_makes_a_new_password_for_the_same_people(self, tmp_path):
        first = staff.logins(staff.Secrets(tmp_path / "lost.json"))
        second = staff.logins(staff.Secrets(tmp_path / "new.json"))
        assert [login.username for login in second] == [login.username for login in first]
        user = get_user_model().objects.get(username=second[0].username)
        assert user.check_password(second[0].password)
        assert not user.check_password(first[0].password)

    def test_nobody_else_may_read_the_secrets(self, tmp_path):
        path = tmp_path / "secrets.json"
        staff.keys(staff.Secrets(path))
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert json.loads(path.read_text())["key of web-shop"].startswith("oms_")

    def test_keys_open_the_api_for_their_channel_alone(self, tmp_path, client):
        keys = staff.keys(staff.Secrets(tmp_path / "secrets.json"))
        assert keys.keys() == {"web", "till"}
        answer = client.get("/api/v1/availability", {"sku": "T90"}, headers={"Authorization": f"Bearer {keys['web']}"})
        assert answer.status_code == 200
        assert ApiClient.objects.get(name="web-shop").channels == ["web"]

    def test_a_key_the_database_does_not_know_is_replaced(self, tmp_path):
        kept = staff.Secrets(tmp_path / "secrets.json")
        first = staff.keys(kept)
        assert staff.keys(kept) == first
        ApiClient.objects.filter(name="tills").delete()
        second = staff.keys(kept)
        assert second["web"] == first["web"]
        assert second["till"] != first["till"]
