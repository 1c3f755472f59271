"""What the pages say of the code is what the code says of itself."""

from pathlib import Path

from oms.management.commands import docs

PROJECT = Path(__file__).resolve().parents[2]


def test_generated_parts_are_up_to_date():
    pages = docs.up_to_date()

    assert {page.name for page in pages} == {"architecture.md", "permissions.md"}
    stale = [str(page.relative_to(PROJECT)) for page, now in pages.items() if page.read_text() != now]
    assert stale == [], "run: manage.py docs"


def test_a_stale_part_is_seen():
    page = PROJECT / "docs/permissions.md"
    text = page.read_text().replace("| `search` |", "| `searching` |")

    assert docs.PART.sub(docs._part, text) == page.read_text() != text


def test_pictures_and_pages_that_are_linked_exist():
    for page in [PROJECT / "README.md", *sorted((PROJECT / "docs").rglob("*.md"))]:
        for target in docs.LINK.findall(page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
