"""Many updates through a vendor's call that takes one. Pure."""

from collections.abc import Callable, Sequence

from channels.connectors.base import Outcome, StockResult, StockUpdate, Throttled, Unavailable


def one_by_one(updates: Sequence[StockUpdate], push: Callable[[StockUpdate], StockResult]) -> list[StockResult]:
    """Push each update. When the channel stops answering half way, what was not told is handed back to repeat.

    Raises what `push` raises when not even the first came through.
    """
    results: list[StockResult] = []
    for place, update in enumerate(updates):
        if update.quantity < 0:
            results.append(_rejected(update, "quantity_invalid", "Stock cannot be below zero."))
            continue
        try:
            results.append(push(update))
        except (Throttled, Unavailable) as failed:
            if not results:
                raise
            return [*results, *(_later(u, failed) for u in updates[place:])]
    return results


def _later(update: StockUpdate, failed: Throttled | Unavailable) -> StockResult:
    wait = (failed.retry_after or 0.0) if isinstance(failed, Throttled) else None
    return StockResult(
        listing=update.listing, outcome=Outcome.RETRY, code=failed.code, message=str(failed), retry_after=wait
    )


def _rejected(update: StockUpdate, code: str, message: str) -> StockResult:
    return StockResult(listing=update.listing, outcome=Outcome.REJECTED, code=code, message=message)
