"""What each vendor's orders mean: its own examples and the odd kinds of order."""

from typing import Any

import pytest

from orders.incoming import Address, Buyer, IncomingOrder, Line, Method, Payment, State, check
from tests.channels.connectors import payloads
from tests.channels.connectors.payloads import GONE, put


def parts_of(order: IncomingOrder) -> int:
    tax = 0 if order.tax_included else order.tax
    return sum(line.total for line in order.lines) + order.shipping - order.discount + tax


class TestEbay:
    @pytest.mark.parametrize("name", payloads.EBAY_ORDERS)
    def test_every_captured_order_adds_up(self, name: str) -> None:
        order = payloads.ebay(payloads.ebay_order(name), "USD" if name == "marketplace_tax" else "GBP")

        assert check(order) == ()
        assert parts_of(order) == order.total

    def test_a_paid_order_in_full(self) -> None:
        order = payloads.ebay(payloads.ebay_order())

        assert order.external_number == "14-09876-55321"
        assert order.channel == "ebay-shop"
        assert order.buyer == Buyer(
            name="Miriam Okafor",
            email="0f3a9c@members.ebay.co.uk",
            phone="07700 900123",
            reference="m_okafor82",
            email_is_relay=True,
        )
        assert order.ship_to == Address(
            name="Miriam Okafor",
            line1="7 Lantern Row",
            line2="Top bell",
            city="Bristol",
            region="Avon",
            postcode="BS3 1JP",
            country="GB",
            phone="07700 900123",
        )
        assert order.lines[1] == Line(
            external_id="10051234567802",
            sku="MAT-RUBBER",
            title="Rubber floor mat",
            quantity=5,
            unit_price=499,
            total=2495,
        )
        assert (order.shipping, order.total, order.tax_included) == (999, 43493, True)
        assert order.payments == (
            Payment(method="marketplace", amount=43493, reference="5512093377", collected_by_channel=True),
        )

    @pytest.mark.parametrize(
        ("fulfilment", "payment", "state"),
        [
            ("NOT_STARTED", "PAID", State.OPEN),
            ("NOT_STARTED", "PARTIALLY_REFUNDED", State.OPEN),
            ("NOT_STARTED", "PENDING", State.AWAITING_PAYMENT),
            ("NOT_STARTED", "FAILED", State.AWAITING_PAYMENT),
            ("NOT_STARTED", "FULLY_REFUNDED", State.AWAITING_PAYMENT),
            ("IN_PROGRESS", "PAID", State.PARTIALLY_SHIPPED),
            ("FULFILLED", "FULLY_REFUNDED", State.SHIPPED),
        ],
    )
    def test_states(self, fulfilment: str, payment: str, state: State) -> None:
        payload = payloads.ebay_order()
        payload |= {"orderFulfillmentStatus": fulfilment, "orderPaymentStatus": payment}

        assert payloads.ebay(payload).state is state

    def test_unpaid_money_is_a_promise(self) -> None:
        order = payloads.ebay(payloads.ebay_order("unpaid"))

        assert order.state is State.AWAITING_PAYMENT
        assert not order.payments[0].captured

    def test_cancelled(self) -> None:
        order = payloads.ebay(payloads.ebay_order("cancelled"))

        assert order.state is State.CANCELLED
        assert [line.cancelled for line in order.lines] == [1, 5]
        assert not order.cancel_requested

    def test_a_cancelled_order_with_blanked_amounts_can_still_be_read(self) -> None:
        payload = payloads.ebay_order("cancelled")
        put(payload, "pricingSummary.total.value", "0.0")
        order = payloads.ebay(payload)

        assert order.warnings == ("total_differs",)
        assert order.total == 43493
        check(order)

    def test_a_wish_to_cancel_is_no_cancellation(self) -> None:
        order = payloads.ebay(payloads.ebay_order("cancel_requested"))

        assert (order.state, order.cancel_requested) == (State.OPEN, True)

    def test_what_was_shipped(self) -> None:
        order = payloads.ebay(payloads.ebay_order("partly_shipped"))

        assert [line.shipped for line in order.lines] == [1, 0]

    def test_discounts_of_lines_order_and_delivery(self) -> None:
        order = payloads.ebay(payloads.ebay_order("discounted"))

        assert [line.discount for line in order.lines] == [0, 499]
        assert (order.discount, order.shipping) == (1000, 499)

    @pytest.mark.parametrize("total", ["469.99", "434.93"])
    def test_m32_tax_that_ebay_collects_is_no_money_of_ours(self, total: str) -> None:
        payload = payloads.ebay_order("marketplace_tax")
        put(payload, "pricingSummary.total.value", total)
        order = payloads.ebay(payload, "USD")

        assert (order.total, order.tax, [line.tax for line in order.lines]) == (43493, 0, [0, 0])

    def test_our_own_tax_comes_on_top(self) -> None:
        payload = payloads.ebay_order("marketplace_tax")
        for place in (0, 1):
            put(payload, f"lineItems.{place}.ebayCollectAndRemitTaxes", GONE)
        order = payloads.ebay(payload, "USD")

        assert (order.total, order.tax_included) == (46999, False)
        assert [line.tax for line in order.lines] == [3300, 206]

    def test_a_shipping_partner_is_not_the_buyer(self) -> None:
        order = payloads.ebay(payloads.ebay_order("shipping_partner"))

        assert order.buyer.name == ""
        assert order.ship_to is not None
        assert order.ship_to.name == "Global Shipping Hub, Parcel Partner Ltd"

    def test_pickup_names_the_store(self) -> None:
        order = payloads.ebay(payloads.ebay_order("pickup"))

        assert {(line.method, line.location) for line in order.lines} == {(Method.PICKUP, "STORE-0281")}
        assert order.ship_to is None

    def test_m46_fulfilled_by_ebay(self) -> None:
        order = payloads.ebay(payloads.ebay_order("fulfilled_by_ebay"))

        assert order.fulfilled_by_channel
        assert order.ship_to is None

    @pytest.mark.parametrize("way", ["DIGITAL", "BY_DRONE"])
    def test_a_delivery_we_do_not_do(self, way: str) -> None:
        payload = payloads.ebay_order()
        put(payload, "fulfillmentStartInstructions.0.fulfillmentInstructionsType", way)

        with pytest.raises(Exception, match=way) as refused:
            payloads.ebay(payload)
        assert getattr(refused.value, "code", "") == "delivery_unknown"

    def test_without_sku_ebays_own_number_stands_in(self) -> None:
        payload = payloads.ebay_order()
        put(payload, "lineItems.0.sku", GONE)
        order = payloads.ebay(payload)

        assert order.lines[0].sku == "285111222333"
        assert order.warnings == ("sku_missing",)

    def test_a_cost_that_does_not_divide(self) -> None:
        payload = payloads.ebay_order()
        put(payload, "lineItems.1.lineItemCost.value", "24.94")
        put(payload, "pricingSummary.total.value", "434.92")
        order = payloads.ebay(payload)

        assert (order.lines[1].unit_price, order.lines[1].discount, order.lines[1].total) == (499, 1, 2494)
        assert order.warnings == ("unit_price_rounded",)

    @pytest.mark.parametrize(
        ("path", "value", "code"),
        [
            ("pricingSummary.deliveryDiscount", {"value": "-50.00", "currency": "GBP"}, "shipping_negative"),
            ("lineItems.0.discountedLineItemCost", {"value": "500.00", "currency": "GBP"}, "discount_negative"),
            ("lineItems.0.discountedLineItemCost", {"value": "-5.00", "currency": "GBP"}, "price_negative"),
            ("lineItems.0.lineItemCost", None, "price_missing"),
            ("orderPaymentStatus", "IOU", "status_unknown"),
            ("cancelStatus.cancelState", "MAYBE", "status_unknown"),
            ("lineItems.0.lineItemFulfillmentStatus", "LOST", "status_unknown"),
        ],
    )
    def test_refused(self, path: str, value: object, code: str) -> None:
        payload = payloads.ebay_order()
        put(payload, path, value)

        with pytest.raises(Exception) as refused:  # noqa: PT011  # the code is what is looked at
            payloads.ebay(payload)
        assert getattr(refused.value, "code", "") == code


class TestAmazon:
    @pytest.mark.parametrize("number", payloads.amazon_orders())
    def test_every_example_of_amazon_adds_up(self, number: str) -> None:
        payload = payloads.amazon_orders()[number]
        order = payloads.amazon(payload, payload["proceeds"]["grandTotal"]["currencyCode"])

        assert check(order) == ()
        assert parts_of(order) == order.total
        assert order.fulfilled_by_channel == (payload["fulfillment"]["fulfilledBy"] == "AMAZON")

    def test_an_open_order_in_full(self) -> None:
        order = payloads.amazon(payloads.amazon_order())

        assert order.external_number == "202-7654321-1098765"
        assert order.lines[0] == Line(
            external_id="90000000000001", sku="LAMP-2", title="LAMP-2", quantity=2, unit_price=4999, total=9998
        )
        assert (order.shipping, order.total) == (499, 12497)
        assert order.buyer.name == "Miriam Okafor"
        assert order.payments == (Payment(method="marketplace", amount=12497, collected_by_channel=True),)

    @pytest.mark.parametrize(
        ("status", "state"),
        [
            ("PENDING", State.AWAITING_PAYMENT),
            ("PENDING_AVAILABILITY", State.AWAITING_PAYMENT),
            ("UNSHIPPED", State.OPEN),
            ("PARTIALLY_SHIPPED", State.PARTIALLY_SHIPPED),
            ("SHIPPED", State.SHIPPED),
            ("CANCELLED", State.CANCELLED),
            ("UNFULFILLABLE", State.CANCELLED),
        ],
    )
    def test_states(self, status: str, state: State) -> None:
        payload = payloads.amazon_order()
        put(payload, "fulfillment.fulfillmentStatus", status)

        assert payloads.amazon(payload).state is state

    def test_a_pending_order_knows_neither_prices_nor_people(self) -> None:
        payload = payloads.amazon_order()
        put(payload, "fulfillment.fulfillmentStatus", "PENDING")
        for path in ("buyer", "recipient", "proceeds", "orderItems.0.proceeds", "orderItems.1.proceeds"):
            put(payload, path, GONE)
        for place in (0, 1):
            put(payload, f"orderItems.{place}.product.price", GONE)
        order = payloads.amazon(payload)

        assert (order.state, order.total, order.payments, order.ship_to) == (State.AWAITING_PAYMENT, 0, (), None)
        assert [line.quantity for line in order.lines] == [2, 1]

    def test_an_open_order_without_prices_is_refused(self) -> None:
        payload = payloads.amazon_order()
        put(payload, "orderItems.0.proceeds", GONE)
        put(payload, "orderItems.0.product.price", GONE)

        with pytest.raises(Exception, match="no price"):
            payloads.amazon(payload)

    def test_m46_stock_that_lies_at_amazon(self) -> None:
        payload = payloads.amazon_order()
        put(payload, "fulfillment.fulfilledBy", "AMAZON")
        put(payload, "recipient", GONE)

        assert payloads.amazon(payload).fulfilled_by_channel

    def test_an_unknown_sender_is_refused(self) -> None:
        payload = payloads.amazon_order()
        put(payload, "fulfillment.fulfilledBy", "A_FRIEND")

        with pytest.raises(Exception) as refused:  # noqa: PT011  # the code is what is looked at
            payloads.amazon(payload)
        assert getattr(refused.value, "code", "") == "status_unknown"

    def _with_tax(self, total: str, model: str | None) -> IncomingOrder:
        payload: dict[str, Any] = payloads.amazon_order()
        tax = {"type": "TAX", "subtotal": {"amount": "20.00", "currencyCode": "GBP"}}
        payload["orderItems"][0]["proceeds"]["breakdowns"].append(tax)
        if model:
            payload["orderItems"][0]["tax"] = {"taxCollections": [{"model": model}]}
        put(payload, "proceeds.grandTotal.amount", total)
        return payloads.amazon(payload)

    def test_m30_tax_within_the_prices(self) -> None:
        order = self._with_tax("124.97", None)

        assert (order.total, order.tax_included, order.lines[0].tax, order.lines[0].total) == (12497, True, 2000, 9998)

    def test_m30_tax_on_top(self) -> None:
        order = self._with_tax("144.97", None)

        assert (order.total, order.tax_included, order.lines[0].tax, order.lines[0].total) == (
            14497,
            False,
            2000,
            11998,
        )

    @pytest.mark.parametrize("total", ["124.97", "144.97"])
    def test_m32_tax_that_amazon_collects_is_no_money_of_ours(self, total: str) -> None:
        order = self._with_tax(total, "MARKETPLACE_FACILITATOR")

        assert (order.total, order.lines[0].tax) == (12497, 0)

    @pytest.mark.parametrize("sign", ["", "-"])
    def test_discounts_of_either_sign(self, sign: str) -> None:
        payload = payloads.amazon_order()
        discount = {
            "type": "DISCOUNT",
            "subtotal": {"amount": f"{sign}6.99", "currencyCode": "GBP"},
            "detailedBreakdowns": [{"subtype": "SHIPPING", "value": {"amount": f"{sign}4.99", "currencyCode": "GBP"}}],
        }
        payload["orderItems"][0]["proceeds"]["breakdowns"].append(discount)
        put(payload, "proceeds.grandTotal.amount", "117.98")
        order = payloads.amazon(payload)

        assert (order.lines[0].discount, order.shipping, order.total) == (200, 0, 11798)

    def test_m31_a_discount_above_the_price(self) -> None:
        payload = payloads.amazon_order()
        discount = {"type": "DISCOUNT", "subtotal": {"amount": "-100.00", "currencyCode": "GBP"}}
        payload["orderItems"][0]["proceeds"]["breakdowns"].append(discount)

        with pytest.raises(Exception, match="larger than its price"):
            payloads.amazon(payload)

    @pytest.mark.parametrize(
        ("fulfilled", "unfulfilled", "shipped", "cancelled"), [(0, 2, 0, 0), (1, 1, 1, 0), (1, 0, 1, 1), (0, 0, 0, 2)]
    )
    def test_what_is_neither_sent_nor_to_be_sent_was_cancelled(
        self, fulfilled: int, unfulfilled: int, shipped: int, cancelled: int
    ) -> None:
        payload = payloads.amazon_order()
        put(payload, "orderItems.0.fulfillment", {"quantityFulfilled": fulfilled, "quantityUnfulfilled": unfulfilled})
        line = payloads.amazon(payload).lines[0]

        assert (line.shipped, line.cancelled) == (shipped, cancelled)

    @pytest.mark.parametrize(("fulfilled", "unfulfilled"), [(2, 1), (3, 0), (-1, 2), ("1", 1)])
    def test_more_units_than_ordered(self, fulfilled: object, unfulfilled: object) -> None:
        payload = payloads.amazon_order()
        put(payload, "orderItems.0.fulfillment", {"quantityFulfilled": fulfilled, "quantityUnfulfilled": unfulfilled})

        with pytest.raises(Exception) as refused:  # noqa: PT011  # the code is what is looked at
            payloads.amazon(payload)
        assert getattr(refused.value, "code", "") == "quantity_invalid"

    def test_a_wish_to_cancel(self) -> None:
        payload = payloads.amazon_order()
        request = {"cancellationRequest": {"requester": "BUYER", "cancelReason": "Changed mind"}}
        put(payload, "orderItems.1.cancellation", request)
        assert payloads.amazon(payload).cancel_requested

        put(payload, "orderItems.1.cancellation", {**request, "cancellationExecution": {"cancelledBy": "MERCHANT"}})
        assert not payloads.amazon(payload).cancel_requested

    def test_parcels_that_left(self) -> None:
        order = payloads.amazon(payloads.amazon_orders()["123-4567890-1234567"], "USD")

        assert [parcel.tracking_number for parcel in order.parcels] == ["1Z999AA1234567890"]
        assert order.parcels[0].units == (("12345678901234", 2), ("12345678901235", 1))

    @pytest.mark.parametrize(
        ("status", "left", "warnings"),
        [
            ("PENDING", 0, ()),
            ("CANCELLED", 0, ()),
            ("IN_TRANSIT", 1, ()),
            ("TELEPORTED", 0, ("package_status_unknown",)),
        ],
    )
    def test_parcels_by_status(self, status: str, left: int, warnings: tuple[str, ...]) -> None:
        payload = payloads.amazon_order()
        package = {"packageReferenceId": "1", "packageStatus": {"status": status}}
        order = payloads.amazon({**payload, "packages": [package]})

        assert (len(order.parcels), order.warnings) == (left, warnings)
