from channels.models.account import CallBudget, ChannelAccount, SyncCursor
from channels.models.listing import Listing, ShipmentPush, StockPush

__all__ = ["CallBudget", "ChannelAccount", "Listing", "ShipmentPush", "StockPush", "SyncCursor"]
