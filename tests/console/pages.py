"""An answer of the console, read as a browser would take it apart."""

from html.parser import HTMLParser
from typing import Any


class Page(HTMLParser):
    """The tags, links, ids and posting forms of a page, and the text between them."""

    def __init__(self, answer: Any) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.ids: list[str] = []
        self.forms: list[str] = []
        self.words = ""
        self.feed(answer.content.decode())

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        given = dict(attrs)
        self.tags.append(tag)
        self.links += [given["href"]] if given.get("href") else []
        self.ids += [given["id"]] if given.get("id") else []
        self.forms += [given["action"]] if tag == "form" and given.get("method") == "post" else []

    def handle_data(self, data: str) -> None:
        self.words += data
