"""Chance that falls the same way every time: a draw depends on the seed and on what is drawn for, nothing else."""

from collections.abc import Sequence
from hashlib import blake2b
from typing import TypeVar

Thing = TypeVar("Thing")
SEED = 7


def number(seed: int, *names: object) -> int:
    """Return 64 evenly spread bits for these names."""
    text = ":".join(map(str, names))
    return int.from_bytes(blake2b(text.encode(), digest_size=8, salt=seed.to_bytes(8, "big")).digest(), "big")


def one_of(things: Sequence[Thing], seed: int, *names: object) -> Thing:
    return things[number(seed, *names) % len(things)]


def weighted(shares: Sequence[tuple[Thing, int]], seed: int, *names: object) -> Thing:
    """Return a thing from (thing, weight) pairs."""
    left = number(seed, *names) % sum(weight for _, weight in shares)
    for thing, weight in shares:
        if left < weight:
            return thing
        left -= weight
    raise AssertionError("a draw below the sum of all weights always falls on one of them")


def code(alphabet: str, length: int, seed: int, *names: object) -> str:
    """Return an identifier that looks drawn from `alphabet`; 64 bits fill twelve letters and digits, not more."""
    left, found = number(seed, *names), []
    for _ in range(length):
        left, place = divmod(left, len(alphabet))
        found.append(alphabet[place])
    return "".join(found)
