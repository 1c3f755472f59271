"""Screens about products: the list, and one of them with its prices, its stock and why channels show what they show."""

from console.products._board import board
from console.products._page import product

__all__ = ["board", "product"]
