"""What stands before anything happens: places, catalogue, prices, sales channels."""

from datetime import datetime

from django.db.backends.postgresql.psycopg_any import DateTimeTZRange

from demo.loading.steps import Steps
from demo.world import buyers, places
from demo.world import catalogue as goods
from demo.world.shapes import CURRENCY, Place, PlaceKind
from inventory import catalogue
from inventory.models import Location, OpeningHours, Price, Variant
from orders.models import SalesChannel

PHONE = "phone"
CHANNELS = (
    (buyers.WEB, "Web shop", SalesChannel.Kind.WEB_SHOP),
    (buyers.EBAY, "eBay", SalesChannel.Kind.MARKETPLACE),
    (buyers.AMAZON, "Amazon", SalesChannel.Kind.MARKETPLACE),
    (buyers.TILL, "Store tills", SalesChannel.Kind.TILL),
    (PHONE, "Call centre", SalesChannel.Kind.PHONE),
)
AT_ONCE = 1000  # variants in one transaction
_KINDS = {
    PlaceKind.STORE: Location.Kind.STORE,
    PlaceKind.WAREHOUSE: Location.Kind.WAREHOUSE,
    PlaceKind.THIRD_PARTY: Location.Kind.THIRD_PARTY,
    PlaceKind.SUPPLIER: Location.Kind.SUPPLIER,
}


def load(*, opens_at: datetime, steps: Steps) -> None:
    _channels()
    with steps.step("places", len(places.all_places())) as report:
        _places()
        report(len(places.all_places()))
    articles = _articles()
    with steps.step("articles", len(articles)) as report:
        for start in range(0, len(articles), AT_ONCE):
            catalogue.add(articles=articles[start : start + AT_ONCE])
            report(min(start + AT_ONCE, len(articles)))
    _prices(opens_at)


def _channels() -> None:
    """The past has gifts and replacements in it on every channel, so all of them allow lines that cost nothing."""
    SalesChannel.objects.bulk_create(
        [
            SalesChannel(code=code, name=name, kind=kind, currency=CURRENCY, allows_zero_price=True)
            for code, name, kind in CHANNELS
        ],
        ignore_conflicts=True,
    )


def _places() -> None:
    known = {place.code: place for place in places.all_places()}
    Location.objects.bulk_create([_location(place) for place in known.values()], ignore_conflicts=True)
    hours = [
        OpeningHours(location=location, weekday=row.weekday, opens=row.opens, closes=row.closes)
        for location in Location.objects.filter(code__in=known)
        for row in known[location.code].hours
    ]
    OpeningHours.objects.bulk_create(hours, ignore_conflicts=True)


def _location(place: Place) -> Location:
    """Stores send parcels too, after the warehouses; what lies at the supplier is not ours to promise."""
    is_ours = place.kind is not PlaceKind.SUPPLIER
    return Location(
        code=place.code, name=place.name, kind=_KINDS[place.kind], line1=place.line1, city=place.city,
        region=place.region, postcode=place.postcode, country=place.country, latitude=place.latitude,
        longitude=place.longitude, zone=place.zone, sells_online=is_ours, ships=is_ours,
        offers_pickup=place.kind is PlaceKind.STORE, services=list(place.services),
    )  # fmt: skip


def _articles() -> list[catalogue.Article]:
    return [
        catalogue.Article(
            sku=variant.sku, title=product.name, product=product.code, option=variant.option, brand=product.brand,
            category=" / ".join(product.category), gtin=variant.gtin or None, is_sold=variant.active,
        )
        for product in goods.products()
        for variant in product.variants
    ]  # fmt: skip


def _prices(opens_at: datetime) -> None:
    """One price for all own channels; marketplaces ask what their listings say."""
    asked = {variant.sku: variant.price for variant in goods.sellable()}
    priced = Price.objects.filter(channel="", currency=CURRENCY).values("variant")
    unpriced = Variant.objects.filter(sku__in=asked).exclude(pk__in=priced)
    valid = DateTimeTZRange(opens_at, None)
    Price.objects.bulk_create(
        [Price(variant=variant, currency=CURRENCY, amount=asked[variant.sku], valid=valid) for variant in unpriced],
        ignore_conflicts=True,
    )
