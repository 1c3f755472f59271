"""Amazon: Orders 2026-01-01 in, Listings Items and shipment confirmation out."""

from channels.connectors.amazon.client import Amazon

__all__ = ["Amazon"]
