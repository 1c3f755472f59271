"""Every cause for which a message can be stuck has words of its own."""

import ast
from pathlib import Path

from console.vocabulary import STUCK, stuck_words
from tests import factories
from tests.console import mail

PROJECT = Path(__file__).resolve().parents[2]


def raised_codes():
    """Every code that the modules on the way in can file a message under, read from their source."""
    files = [PROJECT / "orders" / f"{name}.py" for name in ("incoming", "intake", "revision")]
    files += [*(PROJECT / "channels").rglob("*.py")]
    files += [PROJECT / "oms" / f"{name}.py" for name in ("inbox", "text", "money", "clock", "strict_json")]
    found = set()
    for file in files:
        for function in ast.walk(ast.parse(file.read_text())):
            if isinstance(function, ast.ClassDef):
                found |= {
                    part.value.value
                    for part in function.body
                    if isinstance(part, ast.Assign)
                    and part.targets[0].id == "code"
                    and isinstance(part.value, ast.Constant)
                }
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                found |= set(codes_in(function))
    return found - {"event", *NEVER_QUARANTINED}


def codes_in(function):
    named = {
        target.id: {part.value for part in ast.walk(node.value) if isinstance(part, ast.Constant)}
        for node in ast.walk(function)
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for call in ast.walk(function):
        if not isinstance(call, ast.Call):
            continue
        name = getattr(call.func, "id", getattr(call.func, "attr", ""))
        said = call.args[0] if name == "BadOrder" and call.args else None
        said = said or next((word.value for word in call.keywords if name == "quarantine" and word.arg == "code"), None)
        if isinstance(said, ast.Constant):
            yield said.value
        elif isinstance(said, ast.Name):
            yield from named.get(said.id, set())


NEVER_QUARANTINED = {"cannot_map", "message_not_quarantined"}  # refusals to people, not of messages


class TestWords:
    def test_every_cause_has_words_of_its_own(self):
        codes = raised_codes()

        assert {"sku_unmapped", "country_unknown", "never_finished", "change_after_pick", "json_invalid"} <= codes
        assert sorted(codes - STUCK.keys()) == []

    def test_one_without_words_is_explained_as_far_as_it_can_be(self):
        words = stuck_words("moon_in_the_way")

        assert words.word == "Moon in the way"
        assert words.todo

    def test_the_inbox_itself_files_under_a_known_code(self, db):
        factories.account("ebay")
        mail.receive("14-1", event="e")

        assert mail.receive("14-1", buyerCheckoutNotes="x", event="e").code in STUCK
