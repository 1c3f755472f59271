"""Screens about orders: the list, one order with its story, what came in about it, and what can be done with it."""

from console.orders._board import board
from console.orders._deeds import allocation, cancellation, shipment
from console.orders._page import order
from console.orders._raw import raw

__all__ = ["allocation", "board", "cancellation", "order", "raw", "shipment"]
