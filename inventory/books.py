"""What must always be true of stock."""

RULES = {
    "on hand is the sum of the movements": """
        SELECT coalesce(l.location_id, m.location_id) AS location_id,
               coalesce(l.variant_id, m.variant_id) AS variant_id, l.on_hand, m.units
          FROM inventory_stocklevel l
          FULL JOIN (SELECT location_id, variant_id, sum(quantity) AS units
                       FROM inventory_stockmovement GROUP BY 1, 2) m
            ON m.location_id = l.location_id AND m.variant_id = l.variant_id
         WHERE coalesce(l.on_hand, 0) <> coalesce(m.units, 0)""",
    "reserved is the sum of the live reservations": """
        SELECT coalesce(l.location_id, r.location_id) AS location_id,
               coalesce(l.variant_id, r.variant_id) AS variant_id, l.reserved, r.units
          FROM inventory_stocklevel l
          FULL JOIN (SELECT location_id, variant_id, sum(quantity) AS units FROM inventory_reservation
                      WHERE state = 'held' AND location_id IS NOT NULL GROUP BY 1, 2) r
            ON r.location_id = l.location_id AND r.variant_id = l.variant_id
         WHERE coalesce(l.reserved, 0) <> coalesce(r.units, 0)""",
    "nothing is promised that is not there": """
        SELECT location_id, variant_id, on_hand, reserved FROM inventory_stocklevel
         WHERE reserved > on_hand OR reserved < 0 OR on_hand < 0""",
}
