"""Invoices and credit notes as the retailer's file holds them: grouped, in time order, every row classified."""

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import NamedTuple

from demo.world import codes, sources
from demo.world.codes import Row


class Entry(NamedTuple):
    """One row. `position` counts the rows of its document from 1, so that equal rows stay two rows."""

    position: int
    code: str  # raw
    sku: str
    description: str
    quantity: int
    pounds: str
    row: Row


@dataclass(frozen=True, slots=True)
class Document:
    number: str
    moment: datetime  # the wall clock of a London office; the earliest where a document carries two
    customer: str
    country: str
    entries: tuple[Entry, ...]

    def having(self, row: Row) -> list[Entry]:
        return [entry for entry in self.entries if entry.row is row]

    @property
    def is_sale(self) -> bool:
        return any(entry.row is Row.SOLD for entry in self.entries)


@cache
def read() -> tuple[Document, ...]:
    """Return all documents of the file. Two that carry the same minute stand in the order of their numbers."""
    rows: dict[str, list[list[str]]] = {}
    for row in sources.invoice_rows():
        rows.setdefault(row[0], []).append(row)
    documents = [_document(number, found) for number, found in rows.items()]
    return tuple(sorted(documents, key=lambda document: (document.moment, document.number.lstrip("AC"))))


def newest_sales(limit: int | None) -> tuple[Document, ...]:
    """Return the documents from the `limit`-th newest sale onwards; all of them without a limit."""
    documents = read()
    if limit is None:
        return documents
    left = limit
    for place in range(len(documents) - 1, -1, -1):
        left -= documents[place].is_sale
        if left < 0:
            return documents[place + 1 :]
    return documents


@cache
def sold_by_sku() -> dict[str, list[Entry]]:
    """Return {sku: rows that sold it at a price}, each in time order."""
    found: dict[str, list[Entry]] = {}
    for document in read():
        for entry in document.entries:
            if entry.row is Row.SOLD and entry.pounds != "0.0":
                found.setdefault(entry.sku, []).append(entry)
    return found


def forget() -> None:
    """Free the memory the file takes; a later question reads it again. For processes that go on living."""
    read.cache_clear()
    sold_by_sku.cache_clear()


def _document(number: str, rows: list[list[str]]) -> Document:
    customer, country = rows[0][6], rows[0][7]
    stock_only = not customer and number[0] not in "AC" and all(row[5] == "0.0" for row in rows)
    entries = []
    for position, (_, code, description, quantity, _, pounds, _, _) in enumerate(rows, start=1):
        sku, title = codes.normal(code), _folded(description)
        row = codes.row_class(number, sku, stock_only=stock_only)
        entries.append(Entry(position, code, sku, title, int(quantity), pounds, row))
    moment = datetime.fromisoformat(min(row[4] for row in rows))
    return Document(number, moment, customer, country, tuple(entries))


@cache
def _folded(description: str) -> str:
    return " ".join(description.split())
