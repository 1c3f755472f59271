"""The console's main pages, as the server makes them."""

from collections.abc import Iterator
from datetime import UTC, datetime

from django.contrib.auth import get_user_model
from django.test import Client, override_settings
from django.urls import reverse

from oms.models import ALL, Role, StaffMember
from orders import intake
from orders.models import Order
from tests.benchmarks import archive, database, goods
from tests.benchmarks.goods import ACTOR, WEB
from tests.benchmarks.measure import Do, Figure, Options, against_time, alone, counting, figure

HERE = {"host": "localhost"}


def console(options: Options) -> Iterator[Figure]:
    """console.pages: time, bytes and statements of each page; its floor is an empty page without middleware."""
    asked = options.filled(n=40, seconds=3, rows=10_000)
    with database.fresh():
        shop = goods.shop()
        archive.load(asked.rows, shop, seed=asked.seed)
        intake.accept_many(
            list(goods.orders(shop, seed=asked.seed, n=100, lines=3)), actor=ACTOR, now=datetime.now(UTC)
        )
        with override_settings(ROOT_URLCONF="tests.benchmarks.floor.empty_page", MIDDLEWARE=[]):
            stranger = Client()
            floor = alone(_visit(stranger, "/empty/"), n=asked.n * 5, seconds=1)
        browser = _supervisor()
        for page, url in _pages(shop).items():
            answer = browser.get(url, headers=HERE)  # templates are read once
            with counting() as statements:
                answer = browser.get(url, headers=HERE)
            ours = alone(_visit(browser, url), n=asked.n, seconds=asked.seconds, warm_up=2)
            yield figure(
                "console.pages", ours, what=page, status=answer.status_code, bytes=len(answer.content),
                sql=statements.count, **against_time("empty-page", floor, ours), rows=asked.rows, seed=asked.seed,
            )  # fmt: skip


def _visit(browser: Client, url: str) -> Do:
    return lambda _: browser.get(url, headers=HERE)


def _supervisor() -> Client:
    user = get_user_model().objects.create_user("bench", password=None)
    StaffMember.objects.create(user=user, role=Role.SUPERVISOR, locations=[ALL], channels=[ALL])
    browser = Client()
    browser.force_login(user)
    return browser


def _pages(shop: goods.Shop) -> dict[str, str]:
    newest = Order.objects.order_by("-pk").select_related("customer").first()
    assert newest is not None
    find = reverse("console:search")
    return {
        "home": reverse("console:home"),
        "search, name": f"{find}?q={newest.buyer_name.split()[-1]}",
        "search, nothing": f"{find}?q=zzqqxx",
        "orders": reverse("console:orders"),
        "order": reverse("console:order", args=[newest.number]),
        "customers": reverse("console:customers"),
        "customer": reverse("console:customer", args=[newest.customer_id]),
        "products": reverse("console:products"),
        "product": reverse("console:product", args=[shop.skus[0]]),
        "channels": reverse("console:channels"),
        "channel": reverse("console:channel", args=[WEB]),
        "oversell": reverse("console:oversell"),
    }
