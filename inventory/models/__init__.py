from inventory.models.location import Location, OpeningHours
from inventory.models.product import Price, Product, Variant
from inventory.models.reservation import Reservation
from inventory.models.stock import StockLevel, StockMovement

__all__ = [
    "Location",
    "OpeningHours",
    "Price",
    "Product",
    "Reservation",
    "StockLevel",
    "StockMovement",
    "Variant",
]
