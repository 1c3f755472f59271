"""How often we may ask an account for something: token buckets, shared by all workers, by the database's clock."""

from channels.connectors.base import Budget, Throttled
from channels.models import CallBudget, ChannelAccount
from oms import db

SPENT = "own_budget_spent"  # code of our own patience: nothing is wrong with the channel


def take(account: ChannelAccount, operation: str, default: Budget) -> None:
    """Take one call out of the bucket, which is made from `default` at first need.

    Raises Throttled, with the seconds until there is one again, when the bucket is empty or the channel
    closed it.
    """
    for _ in range(2):
        taken = db.fetch(_TAKE, [account.pk, operation])
        if taken:
            ((granted, wait),) = taken
            if granted:
                return
            patience = max(float(wait), 0.05)
            raise Throttled(f"our own budget for {operation} is spent", retry_after=patience, code=SPENT)
        CallBudget.objects.bulk_create(
            [
                CallBudget(
                    account=account, operation=operation, rate=default.rate, burst=default.burst, tokens=default.burst
                )
            ],
            ignore_conflicts=True,
        )


# The row lock makes workers take turns; a refused call leaves the bucket as it was.
_TAKE = """
WITH bucket AS (
    SELECT id, rate, burst, closed_until, counted_at, clock_timestamp() AS at,
           least(burst, tokens + rate * extract(epoch FROM clock_timestamp() - counted_at)) AS level
      FROM channels_callbudget WHERE account_id = %s AND operation = %s FOR UPDATE
), judged AS (
    SELECT *, level >= 1 AND (closed_until IS NULL OR closed_until <= at) AS granted FROM bucket
), drawn AS (
    UPDATE channels_callbudget b SET tokens = judged.level - 1, counted_at = judged.at
      FROM judged WHERE b.id = judged.id AND judged.granted
)
SELECT granted, greatest((1 - level) / rate, extract(epoch FROM closed_until - at), 0) FROM judged
"""


def close(account: ChannelAccount, operation: str, *, seconds: float) -> None:
    """The channel said: not before so many seconds."""
    db.fetch(
        "UPDATE channels_callbudget SET tokens = 0, counted_at = clock_timestamp(),"
        " closed_until = clock_timestamp() + make_interval(secs => %s) WHERE account_id = %s AND operation = %s",
        [seconds, account.pk, operation],
    )


def learn(account: ChannelAccount, operation: str, *, rate: float) -> None:
    """The channel told its real rate in an answer."""
    db.fetch(
        "UPDATE channels_callbudget SET rate = %s WHERE account_id = %s AND operation = %s AND rate <> %s",
        [rate, account.pk, operation, rate],
    )
