"""The words of the desk: one word, tone and shape for each state, the same on every screen. Pure."""

from dataclasses import dataclass

TONE_ICONS = {"calm": "info", "active": "info", "good": "circle-check", "warn": "triangle-alert", "bad": "octagon-x"}


@dataclass(frozen=True, slots=True)
class Bucket:
    """`look` is how its part of the bar is filled: "1" to "5" deepen in the accent as units near the customer."""

    word: str
    tone: str = "active"
    look: str = ""
    place: int = 99


_BUCKETS = {
    "open": ("open", "calm", "hollow"),
    "unfillable": ("unfillable", "bad", "dashed"),
    "rejected": ("rejected by the location", "bad", "dashed"),
    "backordered": ("backordered", "warn", "dashed"),
    "reserved": ("reserved", "active", "1"),
    "allocated": ("allocated", "active", "2"),
    "released": ("released", "active", "2"),
    "picked": ("picked", "active", "3"),
    "packed": ("packed", "active", "4"),
    "shipped": ("shipped", "active", "5"),
    "delivered": ("delivered", "good", ""),
    "return_requested": ("return requested", "warn", ""),
    "in_transit_back": ("on the way back", "warn", ""),
    "received": ("received back", "calm", ""),
    "restocked": ("back in stock", "calm", ""),
    "disposed": ("written off", "calm", ""),
    "cancelled": ("cancelled", "calm", "hollow"),
}
BUCKETS = {code: Bucket(*entry, place) for place, (code, entry) in enumerate(_BUCKETS.items())}

# Code → (word, tone). Codes are stored with underscores; a dash or capitals make no difference.
STATUSES: dict[str, tuple[str, str]] = {
    # orders
    "new": ("New", "active"),
    "open": ("Open", "calm"),
    "reserved": ("Reserved", "active"),
    "allocated": ("Allocated", "active"),
    "released": ("Released", "active"),
    "picked": ("Picked", "active"),
    "picking": ("Picking", "active"),
    "packed": ("Packed", "active"),
    "in_progress": ("In progress", "active"),
    "processing": ("In progress", "active"),
    "partially_shipped": ("Partly shipped", "active"),
    "shipped": ("Shipped", "active"),
    "ready_for_pickup": ("Ready to collect", "active"),
    "collected": ("Collected", "good"),
    "delivered": ("Delivered", "good"),
    "completed": ("Completed", "good"),
    "backordered": ("Backordered", "warn"),
    "unfillable": ("Unfillable", "bad"),
    "on_hold": ("On hold", "warn"),
    "held": ("On hold", "warn"),
    "cancelled": ("Cancelled", "off"),
    "return_requested": ("Return requested", "warn"),
    "in_transit_back": ("On the way back", "warn"),
    "returned": ("Returned", "calm"),
    # money
    "pending": ("Waiting", "calm"),
    "unpaid": ("Unpaid", "warn"),
    "authorised": ("Authorised", "active"),
    "authorized": ("Authorised", "active"),
    "captured": ("Paid", "good"),
    "paid": ("Paid", "good"),
    "partially_refunded": ("Partly refunded", "warn"),
    "refunded": ("Refunded", "off"),
    "voided": ("Voided", "off"),
    "declined": ("Declined", "bad"),
    # channels, listings and messages
    "live": ("Live", "good"),
    "ready": ("Ready", "active"),
    "ended": ("Ended", "off"),
    "paused": ("Paused", "warn"),
    "healthy": ("Healthy", "good"),
    "late": ("Running late", "warn"),
    "down": ("Down", "bad"),
    "in_sync": ("In step", "good"),
    "syncing": ("Sending", "active"),
    "queued": ("Queued", "calm"),
    "done": ("Done", "good"),
    "retrying": ("Trying again", "warn"),
    "failed": ("Failed", "bad"),
    "quarantined": ("Quarantined", "bad"),
    "skipped": ("Skipped", "off"),
    "fixed": ("Fixed", "good"),
}


def bucket(code: str) -> Bucket:
    return BUCKETS.get(_key(code)) or Bucket(_key(code).replace("_", " "), "calm")


def status(code: str) -> tuple[str, str]:
    """The word and tone of a state; an unknown one is shown as it is spelt, calmly."""
    key = _key(code)
    return STATUSES.get(key) or (key.replace("_", " ").capitalize(), "calm")


def _key(code: str) -> str:
    return str(code).lower().replace("-", "_").replace(" ", "_")


@dataclass(frozen=True, slots=True)
class Stuck:
    """Why a message is stuck: the cause in two or three words, what happened, and what to do about it."""

    code: str
    word: str
    happened: str
    todo: str


# A retry reads the same message again. So it helps when the cause lay here; otherwise the channel must tell it anew.
_PUT_RIGHT_THERE = (
    "Put it right on the channel's own pages. The channel then sends the order anew; set this message aside when the"
    " new one has come in."
)
_TELL_INTEGRATION = "Nothing to fix at the desk: tell whoever looks after the channels, and retry when they say so."

_STUCK: dict[str, tuple[str, str, str]] = {
    # what the order says
    "sku_unmapped": (
        "SKU not known",
        "The channel sells something under a SKU that none of our products has.",
        "Choose which product is meant. The answer is kept, and every order that waits for it is taken in.",
    ),
    "no_lines": (
        "Order without lines",
        "The channel sent an order that has not a single line.",
        "Look at the order on the channel's own pages. If it is empty there too, set this message aside.",
    ),
    "duplicate_line": (
        "Line sent twice",
        "Two lines of the order carry the same number, so one could be counted for the other.",
        _TELL_INTEGRATION,
    ),
    "line_unknown": (
        "Line added later",
        "The channel added a line to an order that was taken in without it.",
        "Take the new line as an order of its own, or cancel it on the channel; then set this message aside.",
    ),
    "quantity_raised": (
        "Units added later",
        "The channel raised the quantity of a line after the order was taken in.",
        "Take the added units as an order of their own, or cancel them on the channel; then set this message aside.",
    ),
    "too_large": (
        "Too many lines",
        "The order has more lines than one order may have.",
        "Ask the buyer to order in parts, and cancel this one on the channel.",
    ),
    "quantity_invalid": (
        "Impossible quantity",
        "A quantity is none, broken, or more was sent or cancelled than ordered.",
        _PUT_RIGHT_THERE,
    ),
    "price_missing": (
        "Price missing",
        "A line says no price, and we do not guess one.",
        "Wait: channels send the price later in a message of its own. Set this one aside when that has come in.",
    ),
    "price_zero": (
        "Costs nothing",
        "A line costs nothing, and this channel sells no gifts.",
        "If it is a gift or a replacement, allow free lines on the channel and retry; otherwise cancel it there.",
    ),
    "price_negative": ("Negative price", "A price or a total is below zero.", _PUT_RIGHT_THERE),
    "amount_negative": ("Negative amount", "Shipping, tax, discount or total is below zero.", _PUT_RIGHT_THERE),
    "discount_negative": (
        "Discount adds money",
        "A line costs more after its discount than before.",
        _PUT_RIGHT_THERE,
    ),
    "discount_too_large": ("Discount too large", "A line is discounted by more than it costs.", _PUT_RIGHT_THERE),
    "shipping_negative": (
        "Delivery below zero",
        "The discount on delivery is larger than its cost.",
        _PUT_RIGHT_THERE,
    ),
    "totals_differ": (
        "Sums do not add up",
        "The order's total is not the sum of its parts, so we would book the wrong amount.",
        "Compare with the channel's own page. If its figures are the same, tell whoever looks after the channels.",
    ),
    "bad_amount": ("Amount not readable", "An amount is no plain number of the currency.", _TELL_INTEGRATION),
    "amount_invalid": (
        "Impossible amount",
        "An amount is not whole in the smallest coin, or larger than anybody pays.",
        _TELL_INTEGRATION,
    ),
    "currency_unknown": ("Currency not known", "An amount names a currency nobody pays with.", _TELL_INTEGRATION),
    "currency_mismatch": (
        "Other currency",
        "The order is in another currency than this channel trades in.",
        "Check in which marketplace it was sold: it belongs to the account of that one. Here it can be set aside.",
    ),
    # where it goes
    "address_missing": (
        "Address missing",
        "The order is to be sent, but says no address.",
        "Wait: channels often send the address later, in a message of its own. If none comes, ask the buyer.",
    ),
    "country_missing": ("Country missing", "The address names no country.", _PUT_RIGHT_THERE),
    "country_unknown": ("Country not known", "The address names a country that is none.", _PUT_RIGHT_THERE),
    "delivery_unknown": (
        "Delivery not known",
        "The channel names a way of delivery that is not known here.",
        _TELL_INTEGRATION,
    ),
    "store_missing": ("Store missing", "The order is to be collected, but names no store.", _PUT_RIGHT_THERE),
    "store_unavailable": (
        "Store not known",
        "The order names a store or location that does not exist here.",
        "Compare the store's code with the channel's settings; once it exists here under that code, retry.",
    ),
    # when it comes too late, or stock runs short
    "change_after_pick": (
        "Change too late",
        "The channel changes or cancels units that were picked or sent already.",
        "Stop the parcel if you still can, or settle it with the buyer; then set this message aside.",
    ),
    "illegal_move": (
        "Does not fit",
        "The news does not fit what has happened to the order's units here.",
        "Open the order and compare its story with the channel's; set this message aside when both agree.",
    ),
    "not_enough_on_hand": (
        "Books say none left",
        "The channel says units have left that the books of their location do not have.",
        "Count the shelf and adjust its stock, then retry.",
    ),
    "out_of_stock": (
        "Out of stock",
        "An own channel sold units that cannot be promised.",
        "Find stock for it, then retry; or cancel the order where it was placed.",
    ),
    "insufficient_stock": (
        "Stock was taken",
        "Somebody else took the units while the order was taken in.",
        "Retry; it is planned anew with what is there now.",
    ),
    # what cannot be read
    "channel_unknown": ("Channel not known", "The order names a channel that does not exist here.", _TELL_INTEGRATION),
    "status_unknown": (
        "Status not known",
        "The channel says a status that is not known here.",
        _TELL_INTEGRATION,
    ),
    "shape_invalid": ("Not in the agreed form", "A part of the message is not in its agreed form.", _TELL_INTEGRATION),
    "json_invalid": (
        "Not readable",
        "The message is no JSON, or could be read in two ways.",
        _TELL_INTEGRATION,
    ),
    "invalid_unicode": ("Broken text", "A text holds half a character and cannot be kept.", _PUT_RIGHT_THERE),
    "identifier_invalid": (
        "Identifier not usable",
        "A number or SKU is missing, too long, or has characters that cannot be seen.",
        _PUT_RIGHT_THERE,
    ),
    "timestamp_invalid": ("Time not readable", "A moment is missing or is none of the calendar.", _TELL_INTEGRATION),
    # the machinery
    "event_id_reuse": (
        "Two stories, one name",
        "Another message came under the same event number with another content.",
        "Compare both. Retry this one if it is the true one, otherwise set it aside.",
    ),
    "never_finished": (
        "Broke off again and again",
        "Work on this message was started several times and never came to an end.",
        "Retry once. If it comes back, tell whoever looks after the system.",
    ),
    "unexpected": (
        "Our own fault",
        "Something went wrong here that should not; the log has the details.",
        "Tell whoever looks after the system, and retry when it is put right.",
    ),
}
STUCK = {code: Stuck(code, *words) for code, words in _STUCK.items()}


def stuck_words(code: str) -> Stuck:
    """The words for a quarantine code; one without words of its own is still explained as far as it can be."""
    return STUCK.get(code) or Stuck(
        code,
        _key(code).replace("_", " ").capitalize() or "Stuck",
        "The message was refused for a reason that has no words here yet.",
        "Read what the system says below; retry when the cause is gone.",
    )
