"""Every file speaks of the product alone, and no page carries what the content policy would refuse."""

import io
import re
import tokenize
from html.parser import HTMLParser
from pathlib import Path

import pytest
from django.template import TemplateSyntaxError
from django.template.loader import get_template

from tests.architecture.source import PROJECT, calls, modules

MADE_BY_TOOLS = {"var", "staticfiles", "test-results", "htmlcov", "__pycache__"}
NOT_TEXT = {".gz", ".png", ".webp", ".jpg", ".ico", ".woff2", ".mo", ".pyc"}


def files() -> list[Path]:
    """Every text file of the project, from its folder; what tools make is left out."""
    found = []
    for path in sorted(PROJECT.rglob("*")):
        parts = path.relative_to(PROJECT).parts
        hidden = parts[0].startswith(".") and parts[0] not in {".ci", ".env.example", ".gitignore", ".dockerignore"}
        if not hidden and not MADE_BY_TOOLS & set(parts) and path.is_file() and path.suffix not in NOT_TEXT:
            found.append(path)
    return found


FILES = [path for path in files() if path != Path(__file__)]
OURS = [path for path in FILES if path.relative_to(PROJECT).parts[0] != "tests"]


def offenders(pattern: re.Pattern[str], paths: list[Path]) -> dict[str, str]:
    return {
        f"{path.relative_to(PROJECT)}:{number}": line.strip()[:120]
        for path in paths
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1)
        if pattern.search(line)
    }


# -- words ---------------------------------------------------------------------------------------------------------

MACHINE = re.compile(r"(?<![\w.])/(work|root|home/\w+|Users/\w+)/|(?<![\w.])/tmp/")
REGISTRY = re.compile(r"\b(pypi\.org|pythonhosted\.org|npmjs\.(org|com)|proxy\.golang\.org|crates\.io|rubygems\.org)\b")
INDEX = re.compile(r"--(extra-)?index-url|--find-links|--trusted-host", re.I)
WORKPLACE = re.compile(
    r"\.\./shared|\bhandbook\b|\bissue #?\d+|\b(Claude|ChatGPT|Copilot|LLM)\b|\bcoding agent\b", re.I
)
LATER = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")


@pytest.mark.parametrize(
    ("pattern", "paths"),
    [(MACHINE, OURS), (REGISTRY, FILES), (INDEX, FILES), (WORKPLACE, FILES)],
    ids=["paths of a machine", "hosts of registries", "options of registries", "this workplace"],
)
def test_nothing_is_said_but_of_the_product(pattern, paths):
    assert offenders(pattern, paths) == {}


@pytest.mark.parametrize(
    ("pattern", "line"),
    [
        (MACHINE, 'open("/work/main/x")'), (MACHINE, "see /root/.cache"), (MACHINE, "`/tmp/out`"),
        (REGISTRY, "https://files.pythonhosted.org/packages"), (INDEX, "--extra-index-url https://x"),
        (WORKPLACE, "see ../shared/specs"), (WORKPLACE, "as issue 12 says"), (WORKPLACE, "the Handbook"),
        (LATER, "# TODO: later"), (LATER, "{# FIXME #}"),
    ],
)  # fmt: skip
def test_other_talk_is_seen(pattern, line):
    assert pattern.search(line)


def test_nothing_is_put_off():
    """In Python only comments count: XXX is a currency that must be refused."""
    python = [path for path in FILES if path.suffix == ".py"]
    comments = {
        f"{path.relative_to(PROJECT)}:{token.start[0]}": token.string
        for path in python
        for token in tokenize.generate_tokens(io.StringIO(path.read_text()).readline)
        if token.type == tokenize.COMMENT and LATER.search(token.string)
    }
    others = [path for path in FILES if path.suffix in {".html", ".css", ".js", ".md", ".yml", ".toml", ".txt", ""}]

    assert comments | offenders(LATER, others) == {}


# -- pages ---------------------------------------------------------------------------------------------------------

TEMPLATES = [path for path in FILES if path.suffix == ".html" and "templates" in path.parts]
TAG = re.compile(r"{%.*?%}|{{.*?}}|{#.*?#}", re.S)
UNESCAPED = re.compile(r"\|\s*safe(seq)?\b|{%\s*autoescape\s+off|{%\s*filter\s+safe")


class Page(HTMLParser):
    """What a strict content policy refuses, and forms that could be sent from elsewhere."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.refused: list[str] = []
        for form in re.findall(r"<form\b[^>]*method=.?post.*?</form>", text, re.I | re.S):
            if "csrf_token" not in form:
                self.refused.append(f"no csrf_token in {form[:80]}")
        if found := UNESCAPED.search(text):
            self.refused.append(found[0])
        self.feed(TAG.sub("", text))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = {name for name, _ in attrs}
        scripted = {name for name in names if re.match(r"on[a-z]+$|hx-on", name)}
        links = {value for name, value in attrs if name in {"href", "src", "action", "hx-get", "hx-post"}}
        if (
            tag == "style"
            or (tag == "script" and "src" not in names)
            or "style" in names
            or scripted
            or any((value or "").lstrip().lower().startswith(("javascript:", "data:text")) for value in links)
            or any((value or "").startswith("js:") for name, value in attrs if name in {"hx-vals", "hx-headers"})
        ):
            self.refused.append(self.get_starttag_text() or tag)


def test_no_page_carries_what_the_content_policy_refuses():
    assert len(TEMPLATES) > 20
    found = {str(path.relative_to(PROJECT)): Page(path.read_text()).refused for path in TEMPLATES}

    assert {path: refused for path, refused in found.items() if refused} == {}


def test_every_page_can_be_read():
    """A tag misspelt is found here, not by the first person who opens the page."""
    broken = {}
    for path in TEMPLATES:
        try:
            get_template(str(path).partition("/templates/")[2])
        except TemplateSyntaxError as error:
            broken[str(path.relative_to(PROJECT))] = str(error)

    assert broken == {}


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>", "<style>p{}</style>", '<p style="x">', '<p onclick="x()">', "<p ONCLICK='x()'>",
        '<p class="a{% if b %} c{% endif %}" onfocus=x>', '<button hx-on:click="x()">', "<a href='javascript:x()'>",
        "{{ name|safe }}", "{{ name | safe }}", "{% autoescape off %}", "<form method='post'>{{ field }}</form>",
        '<div hx-vals="js:{a: 1}">',
    ],
)  # fmt: skip
def test_a_page_that_does_is_seen(text):
    assert Page(text).refused


# Who marks text as safe to print as it is, and why that is so.
TRUSTED = {
    "console/templatetags/parts.py": "icons, drawn from files of ours and of the icon set",
}


def test_only_the_named_modules_mark_text_as_safe():
    marking = {
        module.path
        for module in modules()
        if any(name.split(".")[-1] in {"mark_safe", "SafeString", "SafeText"} for name, _ in calls(module.tree))
    }

    assert marking == set(TRUSTED)


def test_no_view_goes_without_the_check_for_forged_forms():
    assert {module.path for module in modules() if re.search(r"\bcsrf_exempt\b", module.text)} == set()
