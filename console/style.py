"""The living style page: every part in every state, so that a change to one is seen here first."""

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from console import vocabulary
from console.templatetags import show

CHANNELS = [("ebay", "eBay UK"), ("amazon", "Amazon UK"), ("till", "Till")]
SWATCHES = [
    *("canvas", "paper", "sunken", "line", "ink", "ink-soft", "ink-faint"),
    *("accent", "accent-tint", "good", "warn", "bad"),
]


class SampleForm(forms.Form):
    """One field of each kind; the page shows it empty and with mistakes."""

    name = forms.CharField(label="Name", max_length=80)
    phone = forms.CharField(label="Phone", help_text="Any format; the country is recognised.", required=False)
    quantity = forms.IntegerField(label="How many", min_value=1, max_value=999)
    channel = forms.ChoiceField(label="Channel", choices=[("", "Choose…"), *CHANNELS])
    note = forms.CharField(label="Note", widget=forms.Textarea(attrs={"rows": 2}), required=False)
    gift = forms.BooleanField(label="Wrap it as a present", required=False)


@require_GET
def page(request: HttpRequest) -> HttpResponse:
    now = timezone.now()
    wrong = SampleForm({"wrong-phone": "+44 20 7946 0958", "wrong-quantity": "0"}, prefix="wrong")
    wrong.is_valid()
    context = {
        "statuses": list(vocabulary.STATUSES),
        "plain_statuses": ("shipped", "delivered", "backordered", "failed", "cancelled", "queued"),
        "lines": _lines(),
        "orders": _orders(now),
        "groups": _groups(now),
        "story": _story(now),
        "entries": _entries(now),
        "form": SampleForm(prefix="empty"),
        "wrong": wrong,
        **_record(now),
        **_lists(),
    }
    return render(request, "console/style/page.html", context)


def _lines() -> list[dict[str, Any]]:
    return [
        {"name": "Everything promised", "buckets": {"reserved": 4}},
        {"name": "Half way out", "buckets": {"allocated": 3, "picked": 2, "packed": 1, "shipped": 6}},
        {"name": "One short", "buckets": {"reserved": 5, "backordered": 1}},
        {"name": "Some came back", "buckets": {"delivered": 7, "in_transit_back": 2, "cancelled": 1}},
        {"name": "Nowhere to be had", "buckets": {"open": 1, "unfillable": 2}},
        {"name": "Nothing", "buckets": {}},
    ]


def _orders(now: datetime) -> list[dict[str, Any]]:
    rows = [
        ("100423", "14-09876-55321", "eBay", "Sterling, Greg", "in_transit_back", 89900, "GBP", timedelta(minutes=7)),
        ("100422", "205-9938271-4410736", "Amazon", "Zoë Ångström", "shipped", 1998, "GBP", timedelta(minutes=51)),
        ("100421", "W-55810", "Web shop", "نور الهدى عبد الرحمن", "backordered", 124950, "GBP", timedelta(hours=3)),
        ("100420", "T3-000918", "Till", "Walk-in", "collected", 1250, "GBP", timedelta(hours=5)),
        ("100419", "205-1120045-8876123", "Amazon", "Bartholomew Featherstonehaugh-Cholmondeley", "cancelled",
         4500, "JPY", timedelta(days=2)),
    ]  # fmt: skip
    keys = ("number", "external", "channel", "customer", "status", "total", "currency")
    return [dict(zip(keys, row[:-1], strict=True), placed=now - row[-1]) for row in rows]


def _groups(now: datetime) -> list[dict[str, Any]]:
    order = {
        "url": "#find",
        "title": "Order 100423 · Sterling, Greg",
        "why_before": "eBay number 14-09876-",
        "why_match": "55321",
    }
    near = {"url": "#find", "title": "Order 100377 · Stirling, Gregor", "why": "name sounds like “sterling”"}
    person = {
        "url": "#find",
        "title": "Greg Sterling",
        "why_before": "name ",
        "why_match": "Sterling",
        "why_after": ", 2 orders",
    }
    product = {
        "url": "#find",
        "title": "Treadmill T90",
        "why": "bought by Greg Sterling",
        "amount": show.money(89900, "GBP"),
    }
    found = [
        ("order", "Orders", "receipt-text", 14, [
            {**order, "status": "in_transit_back", "at": now - timedelta(hours=2)},
            {**near, "status": "delivered", "at": now - timedelta(days=40)},
        ]),
        ("customer", "Customers", "user-round", 1, [person]),
        ("product", "Products", "package", 1, [product]),
    ]  # fmt: skip
    return [dict(zip(("kind", "label", "icon", "total", "items"), group, strict=True)) for group in found]


def _story(now: datetime) -> str:
    ordered, failed = (now - timedelta(days=days) for days in (8, 4))
    return (
        f"Ordered on eBay {ordered:%-d %b}, left Reading depot two days later, delivery failed {failed:%-d %b}, "
        f"on its way back; the unit is kept for Mr Sterling until {now + timedelta(days=3):%-d %b}."
    )


def _entries(now: datetime) -> list[dict[str, Any]]:
    def entry(days: float, icon: str, text: str, source: str, **more: Any) -> dict[str, Any]:
        return {"at": now - timedelta(days=days), "icon": icon, "text": text, "source": source, **more}

    return [
        entry(8, "shopping-cart", "Order accepted", "eBay", actor="g.sterling_88", raw_url="#story", tone="active"),
        entry(
            8,
            "lock",
            "1 unit reserved in Reading",
            "Sourcing",
            detail="Nearest of 4 locations that could ship it by 7 Nov.",
        ),
        entry(
            6, "truck", "Shipped as 1Z 999 AA1 01 2345 6784", "Depot", actor="Priya Shah", url="#story", tone="active"
        ),
        entry(4, "triangle-alert", "Delivery failed: nobody at home", "UPS", raw_url="#story", tone="warn"),
        entry(4, "briefcase", "Case opened, unit kept for this customer", "Desk", actor="Maya Okafor"),
        entry(0, "circle-check", "Customer told by e-mail", "Messages", tone="good"),
    ]


def _record(now: datetime) -> dict[str, Any]:
    return {
        "crumbs": [{"label": "Orders", "url": "#page"}, {"label": "eBay UK"}],
        "head_actions": [
            {"label": "Refund…", "opens": "sample-dialog", "icon": "undo-2"},
            {"label": "Rescue…", "url": "#page", "primary": True},
        ],
        "now_actions": [
            {"label": "Rescue…", "url": "#actions", "primary": True, "icon": "life-buoy"},
            {"label": "Ship again", "url": "#actions"},
            {"label": "Release unit", "opens": "sample-dialog", "danger": True},
        ],
        "never": [
            {"label": "Cancel", "reason": "The parcel left on the 5th; refuse or return it instead."},
            {"label": "Change address", "reason": "The carrier no longer accepts a redirection."},
        ],
        "customer": [
            {"label": "Name", "value": "Greg Sterling", "url": "#data"},
            {"label": "Phone", "value": "••• 958"},
            {"label": "E-mail", "value": "g•••@e•••.com"},
            {"label": "eBay buyer", "value": "g.sterling_88", "mono": True, "copies": "g.sterling_88"},
            {"label": "Company", "value": ""},
        ],
        "amounts": [
            {"label": "Goods", "value": show.money(89900, "GBP")},
            {"label": "Delivery", "value": show.money(2500, "GBP")},
            {"label": "Refunded", "value": show.money(-2500, "GBP")},
            {"label": "Owed by us", "value": show.money(0, "GBP"), "total": True},
        ],
        "steps": [
            {"word": "Accepted", "state": "done", "when": now - timedelta(days=8)},
            {"word": "Shipped", "state": "done", "when": now - timedelta(days=6)},
            {"word": "Delivery failed", "state": "failed", "when": now - timedelta(days=4)},
            {"word": "Coming back", "state": "current", "note": "due in 2 days"},
            {"word": "Rescued", "state": "todo"},
        ],
        "moments": [
            now,
            now - timedelta(minutes=12),
            now - timedelta(hours=5),
            now - timedelta(days=20),
            now - timedelta(days=500),
        ],
        "cooloff": timedelta(minutes=15),
    }


def _lists() -> dict[str, Any]:
    return {
        "stats": [
            {"label": "Orders fresh to", "value": "14:02:10", "tone": "good"},
            {"label": "Stock pushed", "value": "14:02:08", "tone": "good"},
            {"label": "Queue", "value": "3"},
            {"label": "Drift", "value": "0", "note": "of 8,412", "tone": "good"},
            {"label": "Quarantine", "value": "2", "note": "£412.00", "tone": "bad", "url": "#stats"},
        ],
        "big_stats": [
            {"label": "Orders today", "value": "1,284", "note": "+6 % on last Tuesday"},
            {"label": "Promises at risk", "value": "17", "tone": "warn", "url": "#stats"},
            {"label": "Shipped on time", "value": "98.2 %"},
        ],
        "hours": [12, 9, 7, 4, 3, 5, 14, 22, 31, 38, 44, 41, 47, 52, 49],
        "hour_names": [f"{hour:02}:00" for hour in range(15)],
        "terms": [
            {"label": "On hand", "amount": 64, "url": "#why", "note": "3 locations that ship"},
            {"label": "Reserved", "amount": -19, "url": "#why", "note": "11 orders"},
            {"label": "Backordered", "amount": -3, "url": "#why"},
            {"label": "Safety stock", "amount": -5, "note": "rule “fast movers”"},
        ],
        "filters": [
            {"name": "channel", "label": "Channel", "value": "ebay", "choices": CHANNELS},
            {"name": "status", "label": "Status", "value": "", "choices": [("open", "Open"), ("shipped", "Shipped")]},
        ],
        "chips": [
            {"label": "Channel: eBay UK", "without": "status="},
            {"label": "Name: נועה לוי", "without": "channel=ebay"},
        ],
        "tabs": [
            {"label": "All", "url": "#tabs", "current": True, "count": 8412},
            {"label": "Waiting for work", "url": "#tabs", "count": 17},
            {"label": "On hold", "url": "#tabs", "count": 2},
            {"label": "Shipped", "url": "#tabs"},
        ],
        "empty_actions": [
            {"label": "Connect a channel", "url": "#table", "primary": True},
            {"label": "Take an order", "url": "#table"},
        ],
        "swatches": SWATCHES,
        "tones": tuple(vocabulary.TONE_ICONS),
    }  # fmt: skip
