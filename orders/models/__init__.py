from orders.models.channel import SalesChannel
from orders.models.fulfilment import Allocation, FulfilmentOrder, Parcel, ParcelLine
from orders.models.order import Order, OrderHold, OrderLine
from orders.models.payment import Payment

__all__ = [
    "Allocation",
    "FulfilmentOrder",
    "Order",
    "OrderHold",
    "OrderLine",
    "Parcel",
    "ParcelLine",
    "Payment",
    "SalesChannel",
]
