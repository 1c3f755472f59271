"""The counter: find a product, see where it is, sell it here, to be collected, or to be sent."""

from console.counter._deeds import add, change, keep_customer, scan
from console.counter._page import counter, find_products
from console.counter._receipt import receipt
from console.counter._sale import sale
from console.counter._store import choose_store

__all__ = ["add", "change", "choose_store", "counter", "find_products", "keep_customer", "receipt", "sale", "scan"]
