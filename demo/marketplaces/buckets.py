"""Token buckets, as the vendors keep them: so many calls at once, refilled at so many a second."""

import threading
import time
from collections.abc import Mapping

Rates = Mapping[str, tuple[float, float]]


class Buckets:
    def __init__(self, rates: Rates, *, speed_up: float = 1.0) -> None:
        """`speed_up` multiplies every rate and leaves the bursts."""
        self.rates = {operation: (rate * speed_up, burst) for operation, (rate, burst) in rates.items()}
        self._left: dict[str, tuple[float, float]] = {}
        self._lock = threading.Lock()

    def take(self, operation: str) -> bool:
        """Take one call out of the operation's bucket; False when it is empty. Unlisted operations have no limit."""
        if operation not in self.rates:
            return True
        rate, burst = self.rates[operation]
        with self._lock:
            now = time.monotonic()
            left, filled_at = self._left.get(operation, (burst, now))
            left = min(burst, left + (now - filled_at) * rate)
            self._left[operation] = (left - 1 if left >= 1 else left, now)
            return left >= 1
