"""What must always be true between channels and the desk."""

RULES = {
    "a message that is done led to an order": """
        SELECT m.id, m.source, m.outcome FROM oms_inboxmessage m
         WHERE m.state = 'done' AND m.topic = 'order'
           AND NOT EXISTS (SELECT FROM orders_order o WHERE m.outcome = 'order:' || o.number)""",
    "no push has heard of more than was said": """
        SELECT listing_id, wanted, done FROM channels_stockpush WHERE done > wanted""",
}
