"""The demo world against its sources: what these tests sum up, they read from the files by themselves."""

import csv
import gzip
import os
import re
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from hashlib import sha256
from itertools import islice
from zoneinfo import ZoneInfo

import pytest

from demo.world import catalogue, codes, documents, history, hours, listings, opening, people, places, shopper, sources
from demo.world.codes import Row
from demo.world.shapes import Cancellation, Charge, Hours, Reason, StockAdjustment
from orders.incoming import IncomingOrder, Method, State

ENDS_AT = datetime(2026, 11, 22, 9, tzinfo=UTC)
NO_GOODS = re.compile(r"POST|DOT|C2|23444|M|PADS|D|S|AMAZONFEE|BANK CHARGES|CRUK|B|22016|GIFT_0001_\d0")
POSTAGE = re.compile(r"POST|DOT|C2|23444")


@pytest.fixture(scope="module")
def file_rows():
    with gzip.open(sources.DATA / "online_retail.csv.gz", "rt", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def events():
    return list(history.events(ends_at=ENDS_AT))


@pytest.fixture(scope="module")
def orders(events):
    return [event for event in events if isinstance(event, IncomingOrder)]


@pytest.fixture(scope="module")
def returned(events):
    return [part for event in events if isinstance(event, Cancellation) for part in event.parts]


@pytest.fixture(scope="module")
def receipts(events):
    return opening.opening_stock(events, opens_at=history.opens_at(ends_at=ENDS_AT))


@pytest.fixture(scope="module")
def purchases():
    return list(islice(shopper.purchases(seed=1), 4000))


def is_goods(row):
    return not NO_GOODS.fullmatch(row["StockCode"].upper()) and row["InvoiceNo"][0] != "A"


def dollars(row):
    rate = Decimal("1.4450") / Decimal("0.8856")
    return int((Decimal(row["UnitPrice"]) * rate * 100).quantize(Decimal(1), ROUND_HALF_UP)) * int(row["Quantity"])


class TestClasses:
    def test_every_row_of_the_file_falls_in_exactly_one_class(self, file_rows):
        found = Counter(entry.row for document in documents.read() for entry in document.entries)

        assert sum(found.values()) == len(file_rows) == 320_705
        assert found[Row.BAD_DEBT] == sum(row["InvoiceNo"][0] == "A" for row in file_rows)
        assert found[Row.CANCELLED] == sum(row["InvoiceNo"][0] == "C" and is_goods(row) for row in file_rows)
        assert found[Row.SERVICE] == sum(row["InvoiceNo"][0] != "A" and not is_goods(row) for row in file_rows)

    def test_every_write_off_of_the_file_is_an_adjustment(self, events, file_rows):
        written_off = {
            row["InvoiceNo"] for row in file_rows if row["Quantity"][0] == "-" and row["InvoiceNo"][0] == "5"
        }
        found = [event for event in events if isinstance(event, StockAdjustment) and event.quantity < 0]

        assert {event.number.partition("-")[0] for event in found} == written_off
        assert len(found) == 925

    def test_only_codes_of_the_declared_table_are_no_goods(self, file_rows):
        oddly_written = {
            row["StockCode"].upper() for row in file_rows if not re.match(r"\d{5}|DCGS", row["StockCode"].upper())
        }
        assert oddly_written <= codes.CHARGES.keys()

    @pytest.mark.parametrize(
        ("remark", "reason"),
        [
            ("damages?", Reason.DAMAGED),
            ("printing smudges/thrown away", Reason.DAMAGED),
            ("sold as set on dotcom", Reason.SOLD_AS_SET),
            ("ebay", Reason.OTHER_CHANNEL),
            ("FOUND", Reason.FOUND),
            ("MIA", Reason.LOST),
            ("wrong barcode (22467)", Reason.MISLABELLED),
            ("did a credit and did not tick ret", Reason.RETURNED),
            ("showroom", Reason.SAMPLE),
            ("check", Reason.COUNTED),
            ("?", Reason.UNEXPLAINED),
            ("", Reason.UNEXPLAINED),
            ("TRAVEL CARD WALLET DOTCOMGIFTSHOP", Reason.UNEXPLAINED),
        ],
    )
    def test_remarks_are_read(self, remark, reason):
        assert codes.reason(remark, is_name=False) is reason

    def test_a_products_own_name_is_no_remark(self):
        assert catalogue.is_name("22467", "GUMBALL COAT RACK")
        assert codes.reason("DAMAGED FINISH LETTER RACK", is_name=True) is Reason.UNEXPLAINED


class TestHistory:
    def test_lines_and_units_are_those_of_the_file(self, orders, returned, events, file_rows):
        goods = [row for row in file_rows if is_goods(row)]
        adjusted = [event for event in events if isinstance(event, StockAdjustment)]
        sold = [line for order in orders for line in order.lines]

        assert len(sold) + len(adjusted) == sum(row["InvoiceNo"][0] == "5" for row in goods)
        assert -sum(part.quantity for part in returned) == sum(
            int(row["Quantity"]) for row in goods if row["InvoiceNo"][0] == "C"
        )
        net = sum(line.quantity for line in sold) + sum(event.quantity for event in adjusted)
        assert net - sum(part.quantity for part in returned) == sum(int(row["Quantity"]) for row in goods)

    def test_every_dollar_of_the_invoices_is_on_an_order_or_a_charge(self, orders, events, file_rows):
        charges = [event for event in events if isinstance(event, Charge)]
        on_invoices = sum(event.amount for event in charges if event.number[0] == "5")
        on_others = sum(event.amount for event in charges if event.number[0] != "5")

        assert sum(order.total for order in orders) + on_invoices == sum(
            dollars(row) for row in file_rows if row["InvoiceNo"][0] == "5"
        )
        assert on_others == sum(
            dollars(row) for row in file_rows if row["InvoiceNo"][0] in "AC" and not (is_goods(row))
        )

    def test_postage_is_the_orders_shipping(self, orders, file_rows):
        with_goods = {row["InvoiceNo"] for row in file_rows if is_goods(row)}
        assert sum(order.shipping for order in orders) == sum(
            dollars(row)
            for row in file_rows
            if POSTAGE.fullmatch(row["StockCode"]) and row["InvoiceNo"][0] == "5" and row["InvoiceNo"] in with_goods
        )

    def test_there_are_more_than_ten_thousand_orders_complete_and_paid(self, orders):
        assert len(orders) == 12_394
        for order in orders:
            assert order.state is State.SHIPPED
            assert order.total == sum(line.total for line in order.lines) + order.shipping
            assert sum(payment.amount for payment in order.payments if payment.captured) == order.total
            assert all(line.shipped == line.quantity > 0 for line in order.lines)
            assert all(line.total == line.quantity * line.unit_price for line in order.lines)

    def test_numbers_are_unique_where_they_must_be(self, orders):
        assert len({(order.channel, order.external_number) for order in orders}) == len(orders)
        lines = [line.external_id for order in orders for line in order.lines]
        assert len(set(lines)) == len(lines)

    def test_tills_hand_over_and_all_others_send(self, orders):
        stores = {store.code for store in places.stores()}
        assert {order.channel for order in orders} == {"web", "ebay", "amazon", "till"}
        for order in orders:
            at_till = order.channel == "till"
            assert (order.sold_at in stores, order.ship_to is None) == (at_till, at_till)
            assert {line.method for line in order.lines} == {Method.CARRY_OUT if at_till else Method.SHIP}
            assert at_till or (order.ship_to.name and order.ship_to.city and order.ship_to.country)

    def test_raw_codes_stay_on_lines_and_shelves_know_one_spelling(self, orders):
        raw = {line.sku for order in orders for line in order.lines}
        moved = {moved.sku for order in orders for moved in history.movements(order)}

        assert {"85123A", "85123a"} <= raw
        assert "85123a" not in moved
        assert moved <= catalogue.variants().keys()

    def test_what_happened_stays_in_business_order(self, events):
        moments = [event.placed_at if isinstance(event, IncomingOrder) else event.moment for event in events]
        assert moments == sorted(moments)

    @pytest.mark.parametrize(
        "ends_at", [ENDS_AT, datetime(2027, 4, 1, tzinfo=UTC), datetime(2026, 10, 25, 1, tzinfo=UTC)]
    )
    def test_dates_move_by_whole_weeks_on_london_clocks(self, ends_at):
        *_, last = (event for event in history.events(ends_at=ends_at, limit=1) if not isinstance(event, Charge))
        moment = getattr(last, "moment", None) or last.placed_at
        charge = [event for event in history.events(ends_at=ends_at, limit=1) if isinstance(event, Charge)][-1]

        assert moment <= charge.moment <= ends_at < charge.moment + timedelta(days=7, hours=1)
        local = charge.moment.astimezone(ZoneInfo("Europe/London"))
        assert (local.weekday(), local.time()) == (2, time(17, 45))  # the file's last line: Wednesday 2011-08-31 17:45

    @pytest.mark.parametrize("limit", [1, 250])
    def test_a_limit_keeps_the_newest_orders(self, limit, orders):
        found = [event for event in history.events(ends_at=ENDS_AT, limit=limit) if isinstance(event, IncomingOrder)]
        assert found == orders[-limit:]

    def test_batches_lose_nothing(self, events):
        found = list(history.batches(events[:2500], size=1000))
        assert [len(batch) for batch in found] == [1000, 1000, 500]
        assert [event for batch in found for event in batch] == events[:2500]

    def test_who_bought_names_a_person_for_every_order_that_has_a_buyer(self, orders):
        truth = {(channel, number): person for channel, number, person in history.who_bought()}
        named = {(order.channel, order.external_number) for order in orders if order.buyer.name}
        assert truth.keys() == named
        assert set(truth.values()) <= {person.key for person in people.everybody()}


class TestCancellations:
    def test_nobody_gives_back_more_than_they_bought_nor_before_nor_for_more_money(self, events):
        sold, back = {}, Counter()
        for event in events:
            if isinstance(event, IncomingOrder):
                sold |= {(event.channel, event.external_number, line.external_id): line for line in event.lines}
            elif isinstance(event, Cancellation):
                for part in (part for part in event.parts if part.order):
                    key = (part.channel, part.order, part.line)  # a KeyError here is a return before its sale
                    back[key] += part.quantity
                    assert codes.normal(sold[key].sku) == part.sku
                    assert back[key] <= sold[key].quantity
                    assert part.unit_price <= sold[key].unit_price
        assert len(back) > 4000

    def test_the_74215_jars_are_given_back_to_the_order_they_came_from(self, events):
        (jars,) = (event for event in events if isinstance(event, Cancellation) and event.number == "C541433")
        (part,) = jars.parts
        assert (part.sku, part.quantity, part.line) == ("23166", 74_215, "5414310001")

    def test_notes_without_a_customer_match_nothing(self, events, file_rows):
        anonymous = {row["InvoiceNo"] for row in file_rows if row["InvoiceNo"][0] == "C" and not row["CustomerID"]}
        found = [event for event in events if isinstance(event, Cancellation) and event.number in anonymous]
        assert found
        assert not any(part.order for event in found for part in event.parts)


class TestOpeningStock:
    def test_no_shelf_ever_falls_below_zero_and_none_begins_with_more_than_it_needs(self, events, receipts):
        level = {(receipt.location, receipt.sku): receipt.quantity for receipt in receipts}
        lowest = dict(level)
        for event in events:
            for moved in history.movements(event):
                shelf = (moved.location, moved.sku)
                level[shelf] = level.get(shelf, 0) + moved.quantity
                lowest[shelf] = min(lowest.get(shelf, 0), level[shelf])

        wanted = opening.levels()
        assert min(lowest.values()) == 0
        assert all(level[shelf] >= units for shelf, units in wanted.items())
        spare = [shelf for shelf in lowest if lowest[shelf] > 0 and level[shelf] > wanted.get(shelf, 0)]
        assert spare == []

    def test_receipts_come_first_and_lie_where_goods_can_lie(self, events, receipts):
        locations = {place.code for place in places.all_places()} - {places.SUPPLIER}
        assert {receipt.moment for receipt in receipts} == {events[0].placed_at - timedelta(days=1)}
        assert {receipt.location for receipt in receipts} == locations
        assert all(receipt.quantity > 0 for receipt in receipts)
        assert {receipt.sku for receipt in receipts} <= catalogue.variants().keys()

    def test_a_short_history_needs_less(self, receipts):
        short = opening.opening_stock(
            history.events(ends_at=ENDS_AT, limit=100), opens_at=history.opens_at(ends_at=ENDS_AT, limit=100)
        )
        assert sum(receipt.quantity for receipt in short) < sum(receipt.quantity for receipt in receipts)

    def test_treadmills_are_few(self, receipts):
        assert sum(receipt.quantity for receipt in receipts if receipt.sku == catalogue.TREADMILL) == 5


class TestPlaces:
    @pytest.mark.parametrize(
        ("written", "zip_code"),
        [("2128", "02128"), ("7114", "07114"), ("28786-6875", "28786"), ("55425", "55425"), (" 501 ", "00501")],
    )
    def test_repair_zip(self, written, zip_code):
        assert places.repair_zip(written) == zip_code

    def test_hours_are_read_day_by_day(self):
        rows = hours.parse("Mon: 10-9:30; Thurs: 12-11:59; Sat: 9:30-9; Sun: 11-7")
        assert rows == (
            Hours(0, time(10), time(21, 30)),
            Hours(3, time(12), time(23, 59)),
            Hours(5, time(9, 30), time(21)),
            Hours(6, time(11), time(19)),
        )

    @pytest.mark.parametrize("text", ["", "Mon: closed", "Thu: 10-9", "Mon 10-9", "Mon: 10-9; "])
    def test_unreadable_hours_are_refused(self, text):
        with pytest.raises(hours.UnreadableHours):
            hours.parse(text)

    def test_hours_of_every_big_store_of_the_source_can_be_read(self):
        read = [hours.parse(store["hours"]) for store in sources.stores() if store["type"] == "BigBox"]
        assert len(read) == 1037
        assert all(row.opens < row.closes for rows in read for row in rows)

    def test_sixty_stores_and_four_other_places(self):
        stores = places.stores()
        assert len({store.code for store in stores}) == 60
        assert Counter(place.kind.value for place in places.all_places()) == {
            "store": 60, "warehouse": 2, "third_party": 1, "supplier": 1
        }  # fmt: skip
        for store in stores:
            assert re.fullmatch(r"\d{5}", store.postcode)
            assert ZoneInfo(store.zone)
            assert not any(service != service.strip() for service in store.services)

    def test_clocks_follow_the_state_and_its_split(self):
        zones = {(place.city, place.region): place.zone for place in places.all_places()}
        assert zones["Manchester", "CT"] == "America/New_York"
        assert zones["Panama City", "FL"] == "America/Chicago"
        assert zones["Louisville", "KY"] == "America/New_York"
        assert zones["Nashville", "TN"] == "America/Chicago"
        assert zones["Glendale", "AZ"] == "America/Phoenix"

    def test_distance(self):
        london, paris = (51.5074, -0.1278), (48.8566, 2.3522)
        assert places.distance_km(london, paris) == pytest.approx(343.5, abs=1)


class TestCatalogue:
    def test_gtins_are_valid_and_only_electronics_have_them(self):
        gtins = [variant.gtin for variant in catalogue.variants().values() if variant.gtin]
        assert len(set(gtins)) == 33
        for gtin in gtins:
            assert re.fullmatch(r"\d{13}", gtin)
            assert sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(gtin)) % 10 == 0

    def test_every_code_sold_at_a_price_is_on_sale(self, file_rows):
        sold = {
            row["StockCode"].upper()
            for row in file_rows
            if is_goods(row) and row["InvoiceNo"][0] == "5" and float(row["UnitPrice"]) > 0
        }
        gifts = {variant.sku for variant in catalogue.sellable() if variant.turnover}
        assert gifts == sold
        assert all(variant.price > 0 and variant.title for variant in catalogue.sellable())

    def test_skus_are_unique_and_upper_case(self):
        skus = [variant.sku for product in catalogue.products() for variant in product.variants]
        assert len(set(skus)) == len(skus)
        assert all(sku == sku.upper() for sku in skus)

    def test_versions_of_one_product_are_its_variants(self):
        (parasol,) = (product for product in catalogue.products() if product.code == "15056")
        assert parasol.name == "Edwardian Parasol"
        assert {variant.sku: variant.option for variant in parasol.variants} == {
            "15056BL": "Black", "15056N": "Natural", "15056P": "Pink"
        }  # fmt: skip

    @pytest.mark.parametrize(
        ("shouted", "readable"),
        [
            ("WHITE HANGING HEART T-LIGHT HOLDER", "White Hanging Heart T-Light Holder"),
            ("SET OF 3 CAKE TINS 30CM", "Set of 3 Cake Tins 30cm"),
            ("50'S CHRISTMAS BAG", "50's Christmas Bag"),
            ("BAG 500g SWIRLY MARBLES", "BAG 500g SWIRLY MARBLES"),
        ],
    )
    def test_readable(self, shouted, readable):
        assert catalogue.readable(shouted) == readable

    def test_the_treadmill_is_a_thousand_dollars_cheaper_on_ebay(self):
        asked = {found.channel: found.price for found in listings.listings() if found.sku == catalogue.TREADMILL}
        assert asked == {"web": 1_899_00, "ebay": 899_00, "amazon": 1_899_00}

    def test_listings_are_known_to_their_channel_by_one_id(self):
        found = listings.listings()
        assert len({(listing.channel, listing.external_id) for listing in found}) == len(found)
        assert len({(listing.channel, listing.sku) for listing in found}) == len(found)
        assert Counter(listing.channel for listing in found) == {
            "web": len(catalogue.sellable()), "ebay": 634, "amazon": 634
        }  # fmt: skip


class TestPeople:
    def test_telephones_are_fictional_and_nobody_shares_one(self):
        ringing = [person.phone for person in people.everybody() if person.phone]
        assert len(set(ringing)) == len(ringing) > 2000
        assert all(re.fullmatch(r"\+1[2-9]\d\d55501\d\d", phone) for phone in ringing)

    def test_mail_goes_to_example_domains_only(self, orders):
        addresses = {order.buyer.email for order in orders} - {""}
        assert {mail.rpartition("@")[2] for mail in addresses} == {
            "example.com", "example.org", "example.net", "members.ebay.example", "marketplace.amazon.example"
        }  # fmt: skip
        assert all(
            order.buyer.email_is_relay == (order.channel in ("ebay", "amazon")) for order in orders if order.buyer.email
        )
        own = Counter(person.email for person in people.everybody())
        assert max(own.values()) == 1

    def test_homes_are_real_addresses_used_once(self):
        real = {(row["address1"], row["city"], row["state"], row["postal_code"]) for row in sources.addresses()}
        homes = [person.home for person in people.everybody()]
        assert {(home.line1, home.city, home.region, home.postcode) for home in homes} <= real
        assert len(set(homes)) >= len(homes) - 20  # units of one house number written alike

    def test_ground_truth_is_on_no_order(self, orders):
        told = " ".join(repr((order.buyer, order.ship_to, order.note)) for order in orders)
        assert not re.search(r"rec-\d|-org|-dup-|P\d{4}'|soc_sec", told)

    def test_some_people_shop_on_several_channels_and_some_are_misspelt_there(self, orders):
        truth = {(channel, number): person for channel, number, person in history.who_bought()}
        channels, names = {}, {}
        for order in orders:
            if person := truth.get((order.channel, order.external_number)):
                channels.setdefault(person, set()).add(order.channel)
                names.setdefault(person, set()).add(order.buyer.name)
        assert sum(len(found) > 1 for found in channels.values()) > 1000
        assert sum(len(found) > 1 for found in names.values()) > 200

    @pytest.mark.parametrize(
        ("written", "proper"), [("o'brien", "O'Brien"), ("mccarthy", "McCarthy"), ("ella-rose", "Ella-Rose"), ("", "")]
    )
    def test_proper(self, written, proper):
        assert people.proper(written) == proper


class TestShopper:
    def test_channels_sell_what_they_list_at_their_price(self, purchases):
        listed = {(listing.channel, listing.sku): listing for listing in listings.listings()}
        for purchase in purchases:
            assert purchase.picks
            for pick in purchase.picks:
                listing = listed["web" if purchase.channel == "till" else purchase.channel, pick.sku]
                assert (pick.unit_price, pick.title) == (listing.price, listing.title)
                assert not pick.external_id or pick.external_id == listing.external_id

    def test_stores_sell_what_they_carry(self, purchases):
        carried = opening.levels()
        at_tills = [purchase for purchase in purchases if purchase.channel == "till"]
        assert at_tills
        assert all((purchase.store, pick.sku) in carried for purchase in at_tills for pick in purchase.picks)
        assert all(purchase.ship_to is None for purchase in at_tills)

    def test_demand_follows_the_history(self, purchases):
        units = Counter(pick.sku for purchase in purchases for pick in purchase.picks)
        ranked = [variant.sku for variant in catalogue.sellable()]
        assert sum(units[sku] for sku in ranked[:100]) > 10 * sum(units[sku] for sku in ranked[1000:1100])

    def test_shares_are_kept(self, purchases):
        found = Counter(purchase.channel for purchase in purchases)
        assert all(abs(found[channel] - 40 * share) < 200 for channel, share in shopper.SHARES)
        (only,) = {purchase.channel for purchase in islice(shopper.purchases(shares=(("ebay", 1),)), 50)}
        assert only == "ebay"

    def test_a_seed_says_it_all(self, purchases):
        assert list(islice(shopper.purchases(seed=1), 200)) == purchases[:200]
        assert list(islice(shopper.purchases(seed=2), 200)) != purchases[:200]


FINGERPRINT = """
from datetime import UTC, datetime
from hashlib import sha256
from demo.world import history, opening
events = list(history.events(ends_at=datetime(2026, 11, 22, 9, tzinfo=UTC), limit=300))
opens_at = history.opens_at(ends_at=datetime(2026, 11, 22, 9, tzinfo=UTC), limit=300)
print(sha256(repr((events, opening.opening_stock(events, opens_at=opens_at))).encode()).hexdigest())
"""


def test_the_same_world_in_every_process():
    found = list(history.events(ends_at=ENDS_AT, limit=300))
    receipts = opening.opening_stock(found, opens_at=history.opens_at(ends_at=ENDS_AT, limit=300))
    here = sha256(repr((found, receipts)).encode()).hexdigest()
    root = sources.DATA.parent.parent
    elsewhere = subprocess.run(
        [sys.executable, "-c", FINGERPRINT],
        cwd=root,
        env=os.environ | {"PYTHONHASHSEED": "12345", "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert elsewhere.stdout.strip() == here


def test_another_seed_is_another_world():
    first, other = (list(history.events(ends_at=ENDS_AT, limit=300, seed=seed)) for seed in (7, 8))
    assert [event for event in first if isinstance(event, IncomingOrder)] != [
        event for event in other if isinstance(event, IncomingOrder)
    ]
