"""An order on its way into the tables: what is seen before, the draft, and the one statement that writes it all."""

import json
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field

from inventory.ledger import Entry, Kind
from inventory.reservations import Wish
from oms import db
from orders.incoming import IncomingOrder, Line, Method, State
from orders.models.order import BUCKETS
from orders.sourcing import Share


@dataclass(frozen=True, slots=True)
class Seen:
    """What the tables say about an incoming order before it is written; new ones get their numbers here."""

    order_id: int
    number: int
    is_new: bool
    status: str
    channel_id: int | None
    kind: str
    currency: str
    allows_zero_price: bool
    locations: Mapping[str, int]  # code → id, of the locations the batch names
    collectable_at: Collection[str]  # codes of those among them where goods can be collected now


@dataclass(slots=True)
class LineDraft:
    incoming: Line
    position: int
    variant_id: int
    buckets: Counter[str] = field(default_factory=Counter)
    shares: list[Share] = field(default_factory=list)
    left: int = 0  # units that have left a place we know
    found: int = 0  # of these, units that place did not have in its books

    @property
    def quantity(self) -> int:
        return self.incoming.quantity

    @property
    def unplaced(self) -> int:
        return self.quantity - self.buckets.total()

    def put(self, bucket: str, units: int) -> None:
        self.buckets[bucket] += units

    def take(self, share: Share) -> None:
        """Put a planned share into its bucket."""
        self.shares.append(share)
        self.put("backordered" if share.location_id is None else "allocated", share.quantity)


@dataclass(slots=True)
class Draft:
    order: IncomingOrder
    seen: Seen
    warnings: tuple[str, ...]
    lines: list[LineDraft] = field(default_factory=list)
    status: str = ""
    customer_id: int | None = None

    @property
    def units(self) -> Counter[str]:
        return sum((line.buckets for line in self.lines), Counter())

    @property
    def holder(self) -> str:
        return f"order:{self.seen.number}"

    def wishes(self) -> Iterator[Wish]:
        """The reservations that keep this order's promises."""
        for line in self.lines:
            for share in line.shares:
                yield Wish(
                    holder=self.holder,
                    line=line.position,
                    variant_id=line.variant_id,
                    location_id=share.location_id,
                    quantity=share.quantity,
                )

    def leaving(self) -> Iterator[Entry]:
        """Ledger entries for units that have left a known place: carried out now, or sent before we heard.

        Units the place did not have in its books were there all the same: the books were wrong, and are put right.
        """
        for line in self.lines:
            if line.found:
                yield self._entry(line, Kind.ADJUSTMENT, line.found, "till-find", "sold but not on the books")
            if line.left:
                yield self._entry(line, Kind.SALE, -line.left)

    def _entry(self, line: LineDraft, kind: str, quantity: int, cause: str = "order", reason: str = "") -> Entry:
        return Entry(
            location_id=self.seen.locations[line.incoming.location],
            variant_id=line.variant_id,
            kind=kind,
            quantity=quantity,
            cause=cause,
            cause_id=str(self.seen.number),
            cause_line=line.position,
            reason=reason,
            occurred_at=self.order.placed_at,
        )

    def reasons(self) -> dict[str, str]:
        """{location id or "": why}, for the first line of the sourcing receipt."""
        return {str(share.location_id or ""): share.why for line in self.lines for share in line.shares}


_LOOK = """
SELECT coalesce(o.id, nextval('orders_order_id_seq')), coalesce(o.number, nextval('order_numbers')), o.id IS NULL,
       coalesce(o.status, ''), c.id, coalesce(c.kind, ''), coalesce(c.currency, ''),
       coalesce(c.allows_zero_price, false),
       (SELECT jsonb_object_agg(code, jsonb_build_array(id, is_open AND offers_pickup))
          FROM inventory_location WHERE code = ANY(%s))
  FROM unnest(%s::text[], %s::text[]) WITH ORDINALITY AS w(channel, external_number, place)
  LEFT JOIN orders_saleschannel c ON c.code = w.channel
  LEFT JOIN orders_order o ON o.channel_id = c.id AND o.external_number = w.external_number
 ORDER BY place
"""


def look(batch: Sequence[IncomingOrder]) -> list[Seen]:
    """What is known of each order's channel, of the locations named and of an earlier arrival, in one statement.

    The second of two equal orders in one batch is seen as not new.
    """
    codes = {line.location for order in batch for line in order.lines} | {order.sold_at for order in batch}
    asked = [sorted(codes - {""}), [o.channel for o in batch], [o.external_number for o in batch]]
    rows = db.fetch(_LOOK, asked, often=True)
    seen: dict[tuple[str, str], Seen] = {}
    found = []
    for order, row in zip(batch, rows, strict=True):
        named = row[8] if isinstance(row[8], dict) else json.loads(row[8] or "{}")
        locations = {code: pk for code, (pk, _) in named.items()}
        collectable_at = [code for code, (_, collectable) in named.items() if collectable]
        key = (order.channel, order.external_number)
        first = seen.get(key)
        order_id, number, is_new, status, *of_channel, _ = row
        if first:
            order_id, number, is_new, status = first.order_id, first.number, False, first.status
        channel_id, kind, currency, zero = of_channel
        this = Seen(order_id, number, is_new, status, channel_id, kind, currency, zero, locations, collectable_at)
        found.append(seen.setdefault(key, this) if not first else this)
    return found


def write(drafts: Sequence[Draft], reservation_ids: Mapping[tuple[str, int, int | None], int]) -> None:
    """Insert orders, lines, fulfilment orders, allocations, payments and parcels, all in one statement.

    Raises db.Again when one of them came in through another transaction meanwhile.
    """
    # In one order, so that two who write some of the same orders queue instead of deadlocking.
    ordered = sorted(drafts, key=lambda draft: (draft.seen.channel_id or 0, draft.order.external_number))
    parameters = _parameters(ordered, reservation_ids)
    if any(draft.order.parcels for draft in drafts):
        written = db.fetch(_WRITE + _PARCELS + _COUNT, parameters, often=True)
    else:
        written = db.fetch(_WRITE + _COUNT, parameters[:-_PARCEL_COLUMNS], often=True)
    if written != [(len(drafts),)]:
        raise db.Again("another transaction has just taken in the same order")


def _parameters(
    drafts: Sequence[Draft], reservation_ids: Mapping[tuple[str, int, int | None], int]
) -> list[list[object]]:
    orders, lines, places, allocations, payments, parcels, parcel_lines = [], [], [], [], [], [], []
    for draft in drafts:
        order, key = draft.order, draft.seen.order_id
        orders.append(_order_row(draft))
        lines += [_line_row(draft, line) for line in draft.lines]
        planned = {}
        for line in draft.lines:
            for share in line.shares:
                if share.location_id is not None:
                    method = str(line.incoming.method)
                    planned[share.location_id, method] = share.why
                    reservation = reservation_ids[draft.holder, line.position, share.location_id]
                    allocations.append((key, line.position, share.location_id, method, reservation, share.quantity))
        places += [(key, location, method, why[:200]) for (location, method), why in planned.items()]
        payments += [
            (
                key,
                p.method[:30],
                p.reference[:120],
                order.currency,
                p.collected_by_channel,
                p.amount,
                p.amount if p.captured else 0,
            )
            for p in order.payments
        ]
        positions = {line.incoming.external_id: line.position for line in draft.lines}
        for name, parcel in order.named_parcels().items():
            sent = parcel.shipped_at or order.updated_at or order.placed_at
            parcels.append((key, name, parcel.carrier[:40], parcel.tracking_number[:60], sent))
            parcel_lines += [(key, name, positions[line], n) for line, n in parcel.units_of(positions).items()]
    return [
        *_columns(orders, 25),
        *_columns(lines, 13 + len(BUCKETS)),
        *_columns(places, 4),
        *_columns(allocations, 6),
        *_columns(payments, 7),
        *_columns(parcels, 5),
        *_columns(parcel_lines, _PARCEL_COLUMNS - 5),
    ]


def _columns(rows: Sequence[tuple[object, ...]], count: int) -> list[list[object]]:
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in range(count)]


def _order_row(draft: Draft) -> tuple[object, ...]:
    order, seen = draft.order, draft.seen
    return (
        seen.order_id,
        seen.number,
        seen.channel_id,
        order.external_number,
        draft.customer_id,
        draft.status,
        order.currency,
        order.placed_at,
        order.updated_at,
        order.state is State.AWAITING_PAYMENT,
        order.cancel_requested,
        order.fulfilled_by_channel,
        seen.locations.get(order.sold_at),
        order.sold_by[:80],
        order.buyer.name[:200],
        json.dumps(asdict(order.ship_to), ensure_ascii=False) if order.ship_to else None,
        sum(line.total for line in order.lines),
        order.shipping,
        order.discount,
        order.tax + sum(line.tax for line in order.lines),
        order.tax_included,
        order.total,
        order.note,
        json.dumps(draft.warnings),
        order.fingerprint,
    )


def _line_row(draft: Draft, line: LineDraft) -> tuple[object, ...]:
    incoming = line.incoming
    collected = incoming.method is not Method.SHIP
    return (
        draft.seen.order_id,
        line.position,
        incoming.external_id,
        line.variant_id,
        (incoming.channel_sku or incoming.sku)[:80],
        incoming.title[:300],
        str(incoming.method),
        draft.seen.locations[incoming.location] if collected else None,
        incoming.unit_price,
        incoming.discount,
        incoming.tax,
        incoming.total,
        incoming.quantity,
        *(line.buckets[bucket] for bucket in BUCKETS),
    )


_ORDER_COLUMNS = (
    "id bigint, number bigint, channel_id bigint, external_number text, customer_id bigint, status text, currency text,"
    " placed_at timestamptz, external_updated_at timestamptz, awaiting_payment bool, cancel_requested bool,"
    " fulfilled_by_channel bool, sold_at_id bigint, sold_by text, buyer_name text, ship_to jsonb, items_total bigint,"
    " shipping_total bigint, discount_total bigint, tax_total bigint, tax_included bool, total bigint, note text,"
    " warnings jsonb, external_fingerprint text"
)
_LINE_COLUMNS = (
    "order_id bigint, position int, external_id text, variant_id bigint, sku text, title text, method text,"
    " pickup_at_id bigint, unit_price bigint, discount bigint, tax bigint, total bigint, quantity int, "
) + ", ".join(f"{bucket} int" for bucket in BUCKETS)


def _unnest(columns: str) -> tuple[str, str]:
    """From "a int, b text": the column names, and unnest(%s::int[], %s::text[])."""
    pairs = [column.split() for column in columns.split(", ")]
    names = ", ".join(f'"{name}"' for name, _ in pairs)
    return names, "unnest(" + ", ".join(f"%s::{kind}[]" for _, kind in pairs) + ")"


_ORDER_NAMES, _ORDER_ROWS = _unnest(_ORDER_COLUMNS)
_LINE_NAMES, _LINE_ROWS = _unnest(_LINE_COLUMNS)

_WRITE = f"""
WITH o AS (
    INSERT INTO orders_order ({_ORDER_NAMES}) SELECT * FROM {_ORDER_ROWS}
        ON CONFLICT (channel_id, external_number) DO NOTHING RETURNING id
), l AS (
    INSERT INTO orders_orderline ({_LINE_NAMES}) SELECT * FROM {_LINE_ROWS} RETURNING id, order_id, position
), f AS (
    INSERT INTO orders_fulfilmentorder (order_id, location_id, method, why)
    SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::text[], %s::text[]) RETURNING id, order_id, location_id, method
), a AS (
    INSERT INTO orders_allocation (line_id, fulfilment_id, reservation_id, quantity)
    SELECT l.id, f.id, reservation_id, quantity
      FROM unnest(%s::bigint[], %s::int[], %s::bigint[], %s::text[], %s::bigint[], %s::int[])
           AS t(order_id, position, location_id, method, reservation_id, quantity)
      JOIN l USING (order_id, position) JOIN f USING (order_id, location_id, method)
), p AS (
    INSERT INTO orders_payment (order_id, method, reference, currency, collected_by_channel, authorised, captured)
    SELECT * FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::text[], %s::bool[], %s::bigint[], %s::bigint[])
)"""  # noqa: S608  # column names only, from the constants above
_PARCEL_COLUMNS = 9
_PARCELS = """, parcel AS (
    INSERT INTO orders_parcel (order_id, external_id, carrier, tracking_number, shipped_at)
    SELECT * FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::text[], %s::timestamptz[])
    RETURNING id, order_id, external_id
), pl AS (
    INSERT INTO orders_parcelline (parcel_id, line_id, quantity)
    SELECT parcel.id, l.id, quantity
      FROM unnest(%s::bigint[], %s::text[], %s::int[], %s::int[]) AS t(order_id, external_id, position, quantity)
      JOIN l USING (order_id, position) JOIN parcel USING (order_id, external_id)
)"""
_COUNT = " SELECT count(*)::int FROM o"
