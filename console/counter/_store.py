"""In which store the counter stands: one of those within reach, chosen once."""

from django.conf import settings
from django.db.models import Q
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from console.context import StaffRequest
from console.counter import _basket
from console.counter._basket import Basket
from inventory.models import Location
from inventory.models.location import LocationQuerySet
from oms import text
from orders.models import SalesChannel

SHOWN = 24


def within(request: StaffRequest) -> LocationQuerySet:
    return Location.objects.within(request.reach).filter(kind=Location.Kind.STORE, is_open=True)


def of(request: StaffRequest, basket: Basket) -> Location | None:
    """The store of the basket, if it is open and still within reach."""
    return within(request).filter(code=basket.store).first() if basket.store else None


def till(request: StaffRequest) -> SalesChannel | None:
    """The channel that counters sell in, if it exists and lies within reach."""
    if not request.reach.has_channel(settings.OMS_TILL_CHANNEL):
        return None
    return SalesChannel.objects.filter(code=settings.OMS_TILL_CHANNEL).first()


@require_POST
def choose_store(request: StaffRequest) -> HttpResponse:
    code = text.free(request.POST.get("store"), most=40)
    if not within(request).filter(code=code).exists():
        raise Http404(code)
    with _basket.held(request) as basket:
        if basket.store != code:
            basket.open_in(code)
    return redirect("console:counter")


def pick(request: StaffRequest) -> HttpResponse:
    """The stores to choose from; with exactly one there is nothing to choose."""
    typed = text.free(request.GET.get("store"), most=60)
    found = within(request).order_by("name", "code")
    for word in typed.split()[:5]:
        found = found.filter(
            Q(name__icontains=word) | Q(city__icontains=word) | Q(code__istartswith=word) | Q(postcode__startswith=word)
        )
    stores = list(found[: SHOWN + 1])
    if len(stores) == 1 and not typed:
        with _basket.held(request) as basket:
            basket.open_in(stores[0].code)
        return redirect("console:counter")
    context = {"stores": stores[:SHOWN], "more": len(stores) > SHOWN, "typed": typed}
    template = "console/counter/_stores.html" if request.htmx else "console/counter/pick.html"
    return render(request, template, context)
