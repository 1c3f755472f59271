"""Decide which locations serve an order. Pure: no database, no clock."""

from orders.sourcing._plan import Candidate, Demand, Share, plan

__all__ = ["Candidate", "Demand", "Share", "plan"]
