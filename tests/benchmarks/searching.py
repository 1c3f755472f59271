"""Whatever a caller says, found among many orders."""

from collections.abc import Iterator
from contextlib import closing

from oms import search
from tests.benchmarks import archive, database, goods
from tests.benchmarks.archive import Question
from tests.benchmarks.floor import lookup as floor_lookup
from tests.benchmarks.measure import Figure, Options, against_time, alone, figure


def lookup(options: Options) -> Iterator[Figure]:
    """search.lookup: read what was typed and look it up; its floor is told what it is and asks one index.

    Figures for everything mixed, then for each kind of thing that is typed. `found` is the share of questions whose
    order, or customer, is among the hits.
    """
    asked = options.filled(n=1000, seconds=10, rows=100_000)
    with database.fresh():
        archive.load(asked.rows, goods.shop(), seed=asked.seed)
        questions = archive.questions(asked.n + 200, seed=asked.seed)
        yield from _measured("everything", questions, asked.seconds, rows=asked.rows, seed=asked.seed)
        for kind in dict.fromkeys(question.kind for question in questions):
            some = [question for question in questions if question.kind == kind]
            yield from _measured(kind, some, asked.seconds / 5, rows=asked.rows, seed=asked.seed)


def _measured(what: str, questions: list[Question], seconds: float, *, rows: int, seed: int) -> Iterator[Figure]:
    warm = min(200, len(questions) // 2)
    n = len(questions) - warm
    with closing(database.raw()) as raw, raw.cursor() as cursor:
        raw.autocommit = True
        floor = alone(lambda place: floor_lookup.find(cursor, questions[place]), n=n, seconds=seconds / 2, warm_up=warm)
    ours = alone(lambda place: _look_up(questions[place]), n=n, seconds=seconds, warm_up=warm)
    yield figure(
        "search.lookup", ours, what=what, found=_share_found(questions[warm : warm + 200]),
        **against_time("one-index", floor, ours), rows=rows, seed=seed,
    )  # fmt: skip


def _look_up(question: Question) -> list[search.Hit]:
    return search.look_up(search.read(question.typed), channels=None)


def _share_found(questions: list[Question]) -> float:
    found = 0
    for question in questions:
        hits = {(hit.entity_kind, hit.entity_id) for hit in _look_up(question)}
        found += bool(hits & {("order", question.order_id), ("customer", question.customer_id)})
    return round(found / len(questions), 3)
