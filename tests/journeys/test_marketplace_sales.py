"""What happens at the desk and on the other channels when marketplaces sell."""

import pytest
from playwright.sync_api import expect

from orders.models import Order

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_an_ebay_sale_is_found_by_a_misspelt_name_and_its_stock_fell_on_amazon(
    retailer, background, agent, eventually, live_server
):
    background.start()
    number = retailer.buy(retailer.ebay, name="Gregory Sterling")
    ours = eventually(lambda: Order.objects.filter(external_number=number).first())

    agent.keyboard.press("/")
    agent.keyboard.type("gregori stirling")
    found = agent.get_by_role("option").filter(has_text=str(ours.number))
    expect(found).to_have_count(1)
    found.click()

    expect(agent).to_have_url(f"{live_server.url}/orders/{ours.number}/")
    expect(agent.get_by_role("main")).to_contain_text(number)
    expect(agent.get_by_role("main")).to_contain_text("Warehouse East")
    eventually(lambda: retailer.amazon.stock_of("T90-BLK") == 2)
    agent.goto(f"{live_server.url}/products/T90-BLK/")
    expect(agent.get_by_role("main")).to_contain_text("Amazon")


@pytest.mark.parametrize("retailer", [1], indirect=True)
def test_two_buyers_race_for_the_last_treadmill_and_both_orders_stand_in_the_oversell_queue(
    retailer, background, agent, eventually, live_server
):
    sold = {
        retailer.buy(retailer.ebay, name="Gregory Sterling"),
        retailer.buy(retailer.amazon, name="Priya Shah"),
    }
    background.start()
    eventually(lambda: Order.objects.count() == 2)

    orders = list(Order.objects.order_by("number"))
    assert {order.external_number for order in orders} == sold
    assert sorted(order.status for order in orders) == ["allocated", "backordered"]
    agent.get_by_role("link", name="Oversold").click()
    for order in orders:
        expect(agent.get_by_role("main").get_by_role("link", name=str(order.number)).first).to_be_visible()
    eventually(lambda: retailer.ebay.stock_of("T90-BLK") == retailer.amazon.stock_of("T90-BLK") == 0)
