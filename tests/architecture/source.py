"""The source as the house rules see it: files, their syntax trees, and who writes to what."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

from django.apps import apps

PROJECT = Path(__file__).resolve().parents[2]
# From the ground up; what stands on one level does not know its neighbours.
LEVELS: tuple[frozenset[str], ...] = tuple(
    map(frozenset, (["oms"], ["customers", "inventory"], ["orders"], ["channels"], ["console", "api", "demo"]))
)
APPS = tuple(app for level in LEVELS for app in sorted(level))


class Module(NamedTuple):
    path: str  # from the project's folder: "oms/db.py"
    text: str
    tree: ast.Module


@cache
def modules() -> tuple[Module, ...]:
    """Every module of every app, migrations left out."""
    found = []
    for app in APPS:
        for file in sorted((PROJECT / app).rglob("*.py")):
            if "migrations" not in file.parts:
                text = file.read_text()
                found.append(Module(str(file.relative_to(PROJECT)), text, ast.parse(text)))
    return tuple(found)


def imports(tree: ast.Module) -> Iterator[str]:
    """Dotted names a module imports, "a.b.c" for both `import a.b.c` and `from a.b import c`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    """(dotted name as written, call) of every call whose name can be read."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


@dataclass(frozen=True)
class Fact:
    """Tables, or some of their columns, that a few modules alone may write."""

    name: str
    models: dict[str, frozenset[str]]  # "inventory.StockLevel" → columns; none means the whole row
    writers: frozenset[str]  # paths of modules
    locks: bool = False  # whether taking locks on the rows is the writers' matter too
    makes: bool = True  # whether making a row is


def writes(fact: Fact, tree: ast.Module) -> list[str]:
    """ "line: code" of every place that writes to the fact's tables, by the ORM or by SQL."""
    eye = _Eye(fact)
    eye.visit(tree)
    return sorted(set(eye.seen))


_MAKING = {"create", "bulk_create", "get_or_create", "update_or_create", "raw"}
_LOCKING = {"select_for_update", "locked"}
_WRAPPERS = {"list", "tuple", "sorted", "reversed", "iter", "next", "set"}
_ASYNC = re.compile(r"^a(?=(create|bulk_|get_or|update|delete|save))")


class _Eye(ast.NodeVisitor):
    """Follows rows of the fact's models through names, loops, relations and annotations, within one module.

    A name like the model's ("order", "lines") counts as its row where nothing says otherwise: a row handed
    over by a function of another module would be lost from sight else.
    """

    def __init__(self, fact: Fact) -> None:
        self.fact = fact
        self.columns = {label.split(".")[1]: columns for label, columns in fact.models.items()}
        self.tables = {apps.get_model(label)._meta.db_table: label.split(".")[1] for label in fact.models}
        self.relations = {name: model for label in fact.models for name, model in _relations(label)}
        self.names = {form: model for model in self.columns for form in (model, *_forms(model))}
        self.seen: list[str] = []

    # -- whose row is this? --------------------------------------------------------------------------------------

    def model_of(self, node: ast.AST | None) -> str | None:
        match node:
            case ast.Name(id=name):
                return self.names.get(name)
            case ast.Attribute(value=value, attr=attr):
                if attr in self.columns and ast.unparse(value).endswith("models"):
                    return attr
                return self.relations.get(attr) or (self.model_of(value) if attr == "objects" else None)
            case ast.Call(func=ast.Attribute(value=value)):
                return self.model_of(value)
            case ast.Call(func=ast.Name(id=name), args=[first, *_]) if name in _WRAPPERS:
                return self.model_of(first)
            case ast.Call(func=ast.Name(id=name)):
                return self.names.get(name)
        return next(filter(None, map(self.model_of, _inner(node))), None)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        for alias in node.names:
            if alias.name in self.columns:
                self.names[alias.asname or alias.name] = alias.name
                if "models" not in (node.module or ""):
                    self.forget(alias.asname or alias.name)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        if node.name in self.columns and not any("Model" in ast.unparse(base) for base in node.bases):
            self.forget(node.name)
        self.generic_visit(node)

    def forget(self, name: str) -> None:
        """Something else of this name lives here."""
        for form in (name, *_forms(name)):
            self.names.pop(form, None)

    def bind(self, target: ast.AST, model: str | None) -> None:
        if isinstance(target, ast.Name) and model:
            self.names[target.id] = model
        elif isinstance(target, ast.Tuple | ast.List):
            for each in target.elts:
                self.bind(each, model)

    def visit_For(self, node: ast.For) -> None:
        self.bind(node.target, self.model_of(node.iter))
        self.generic_visit(node)

    def generic_visit(self, node: ast.AST) -> None:
        for each in getattr(node, "generators", []):  # a comprehension names its rows after it uses them
            self.bind(each.target, self.model_of(each.iter))
        super().generic_visit(node)

    def visit_arg(self, node: ast.arg) -> None:
        if node.annotation is not None:
            words = set(re.findall(r"\w+", ast.unparse(node.annotation)))
            self.bind(ast.Name(node.arg), next((self.names[word] for word in words if word in self.names), None))

    # -- is this a write? ----------------------------------------------------------------------------------------

    def tell(self, node: ast.AST) -> None:
        self.seen.append(f"{node.lineno}: {ast.unparse(node)[:120]}")  # type: ignore[attr-defined]

    def visit_Assign(self, node: ast.Assign) -> None:
        for target in node.targets:
            self.bind(target, self.model_of(node.value))
            self.assigned(target)
        self.generic_visit(node)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        self.assigned(node.target)
        self.generic_visit(node)

    def assigned(self, target: ast.AST) -> None:
        if isinstance(target, ast.Tuple):
            for each in target.elts:
                self.assigned(each)
        elif isinstance(target, ast.Attribute):
            model = self.model_of(target.value)
            if model and target.attr in self.columns[model]:
                self.tell(target)

    def visit_Call(self, node: ast.Call) -> None:
        match node.func:
            case ast.Name(id="setattr"):
                model = self.model_of(node.args[0])
                found = bool(model and self.columns[model])
            case ast.Name(id=name):
                found = self.fact.makes and name[:1].isupper() and name in self.names
            case ast.Attribute(value=ast.Name(id="models"), attr=attr):
                found = self.fact.makes and attr in self.columns
            case ast.Attribute(value=value, attr=attr):
                model = self.model_of(value)
                found = bool(model and self.changes(_ASYNC.sub("", attr), model, node))
            case _:
                found = False
        if found:
            self.tell(node)
        self.generic_visit(node)

    def changes(self, method: str, model: str, node: ast.Call) -> bool:
        columns = self.columns[model]
        if method in _MAKING:
            return self.fact.makes
        if method == "delete" or (self.fact.locks and method in _LOCKING):
            return True
        if method == "update":
            return not columns or any(word.arg is None or word.arg in columns for word in node.keywords)
        if method == "save":
            named = next((word.value for word in node.keywords if word.arg == "update_fields"), None)
            return not columns or _may_name(named, columns)
        if method == "bulk_update":
            return not columns or len(node.args) < 2 or _may_name(node.args[1], columns)
        return False

    # -- SQL -----------------------------------------------------------------------------------------------------

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, str):
            self.read_sql(node, node.value)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        parts = [each.value if isinstance(each, ast.Constant) else "{?}" for each in node.values]
        self.read_sql(node, "".join(map(str, parts)))

    def read_sql(self, node: ast.AST, text: str) -> None:
        for table, model in self.tables.items():
            name = rf'"?{table}"?(?!\w)'
            insert = rf"\b(insert\s+into|delete\s+from|truncate(\s+table)?|copy|merge\s+into)\s+(only\s+)?{name}"
            update = rf"\bupdate\s+(only\s+)?{name}(.*?)\bset\b(.*?)(\bfrom\b|\bwhere\b|\breturning\b|$)"
            lock = rf"{name}.*\bfor\s+(no\s+key\s+)?(update|share)\b"
            columns = self.columns[model]
            updated = [found[3] for found in re.finditer(update, text, re.I | re.S)]
            if (
                re.search(insert, text, re.I)
                or any(not columns or "{?}" in part or set(re.findall(r"\w+", part)) & columns for part in updated)
                or (self.fact.locks and re.search(lock, text, re.I | re.S))
            ):
                self.tell(node)


def _inner(node: ast.AST | None) -> list[ast.AST]:
    """The expressions a value may come from."""
    match node:
        case ast.Subscript() | ast.NamedExpr() | ast.Starred() | ast.Await():
            return [node.value]
        case ast.ListComp() | ast.SetComp() | ast.GeneratorExp():
            return [node.elt]
        case ast.BoolOp():
            return list(node.values)
        case ast.IfExp():
            return [node.body, node.orelse]
    return []


def _may_name(fields: ast.AST | None, columns: frozenset[str]) -> bool:
    """Whether a list of field names holds one of `columns`; a list that cannot be read may."""
    if not isinstance(fields, ast.List | ast.Tuple):
        return True
    return any(not isinstance(each, ast.Constant) or each.value in columns for each in fields.elts)


def _forms(model: str) -> tuple[str, str]:
    word = re.sub(r"(?<!^)(?=[A-Z])", "_", model).lower()
    return word, word.removesuffix("y") + "ies" if word.endswith("y") else word + "s"


def _relations(label: str) -> Iterator[tuple[str, str]]:
    """(attribute, model) by which other rows lead to rows of this model: "stock_levels", "level"."""
    model = apps.get_model(label)
    for field in model._meta.get_fields():
        if field.is_relation and not field.auto_created and (accessor := field.remote_field.get_accessor_name()):
            yield accessor, model.__name__
        elif field.is_relation and field.auto_created:
            yield field.field.name, model.__name__
