"""What must always be true of orders, their promises and their money."""

from orders.models.order import BUCKETS

_SUM = " + ".join(f'l."{bucket}"' for bucket in BUCKETS)

RULES = {
    "every unit of a line is in one bucket": f"""
        SELECT l.id, l.quantity FROM orders_orderline l WHERE l.quantity <> {_SUM}""",  # noqa: S608  # column names
    "every order has lines": """
        SELECT o.number FROM orders_order o
         WHERE NOT EXISTS (SELECT FROM orders_orderline l WHERE l.order_id = o.id)""",
    "what a line has allocated is pending at a location": """
        SELECT l.id, l.allocated + l.picked + l.packed AS promised, coalesce(a.pending, 0) AS pending
          FROM orders_orderline l
          LEFT JOIN (SELECT line_id, sum(quantity - sent - dropped) AS pending FROM orders_allocation GROUP BY 1) a
            ON a.line_id = l.id
         WHERE l.allocated + l.picked + l.packed <> coalesce(a.pending, 0)""",
    "what is pending at a location is held there": """
        SELECT a.id, a.pending, coalesce(r.quantity, 0) AS held
          FROM (SELECT id, reservation_id, quantity - sent - dropped AS pending FROM orders_allocation) a
          LEFT JOIN inventory_reservation r ON r.id = a.reservation_id AND r.state = 'held'
         WHERE a.pending <> coalesce(r.quantity, 0)""",
    "every waiting unit is visible demand": """
        SELECT o.number, w.units, coalesce(r.units, 0) AS waiting
          FROM (SELECT order_id, sum(backordered) AS units FROM orders_orderline GROUP BY 1) w
          JOIN orders_order o ON o.id = w.order_id
          LEFT JOIN (SELECT holder, sum(quantity) AS units FROM inventory_reservation
                      WHERE state = 'held' AND location_id IS NULL GROUP BY 1) r ON r.holder = 'order:' || o.number
         WHERE w.units <> coalesce(r.units, 0)""",
    "stock held for an order belongs to one that needs it": """
        SELECT r.id, r.holder FROM inventory_reservation r
          LEFT JOIN orders_order o ON r.holder = 'order:' || o.number
         WHERE r.state = 'held' AND r.holder LIKE 'order:%'
           AND (o.id IS NULL OR o.status IN ('cancelled', 'completed'))""",
    "no more is sent in parcels than was ordered": """
        SELECT p.line_id, sum(p.quantity) AS sent, l.quantity FROM orders_parcelline p
          JOIN orders_orderline l ON l.id = p.line_id
         GROUP BY p.line_id, l.quantity HAVING sum(p.quantity) > l.quantity""",
    "no more is refunded than was captured": """
        SELECT id, captured, refunded FROM orders_payment WHERE refunded > captured OR captured > authorised""",
}
