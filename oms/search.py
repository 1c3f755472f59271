"""Find any record by anything a caller can say.

Every record leaves its identifiers in one narrow table (`SearchKey`); what is typed is read for what it could be
(`read`), and one statement looks up all the readings, exact ones first. The kernel knows kinds and ids only;
screens turn hits into records.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import phonenumbers

from oms import db, text
from oms.models import SearchKey

K = SearchKey.Kind

LONGEST, MOST_WORDS, FEWEST_LETTERS = 64, 8, 3
CODE = 4  # digits, and a word is no part of a name: looking for names like it would read all of them
REGION = "US"  # how phone numbers without a country code are read

_EMAIL = re.compile(r"[^\s@<>,;:()\"]{1,64}@[^\s@<>,;:()\"]{1,190}")
_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{1,60}")


@dataclass(frozen=True, slots=True)
class Key:
    """An identifier of a record, as `index` takes it; `value` as people write it."""

    kind: str
    value: str
    entity_kind: str
    entity_id: int
    channel: str = ""


@dataclass(frozen=True, slots=True)
class Hit:
    entity_kind: str
    entity_id: int
    kind: str  # what matched …
    value: str  # … and the stored value, for "why it matched"
    exact: bool


def normalise(kind: str, value: str) -> str:
    """The form in which a value of this kind is stored and compared; "" when nothing is left of it."""
    match kind:
        case K.EMAIL:
            form = text.free(value).casefold()
        case K.PHONE:
            form = phone_digits(value)
        case K.NAME:
            form = text.fold(text.free(value))
        case K.POSTCODE | K.TRACKING | K.GTIN:
            form = re.sub(r"[\s-]", "", text.free(value)).upper()
        case _:
            form = text.free(value).upper()
    return form[:200].strip()


@lru_cache(maxsize=4096)  # one order names the same phone up to four times, and reading one is slow
def phone_digits(value: str, region: str = REGION) -> str:
    """The digits of the international form, extension left out; the bare digits if it is no number of any plan."""
    try:
        number = phonenumbers.parse(value, region)
    except phonenumbers.NumberParseException:
        return "".join(c for c in value if c.isascii() and c.isdigit())[:20]
    return f"{number.country_code}{phonenumbers.national_significant_number(number)}"


def index(keys: Iterable[Key]) -> None:
    """Make records findable, in one statement. Safe to repeat."""
    rows = {
        (key.kind, value, key.entity_kind, key.entity_id, key.channel)
        for key in keys
        if (value := normalise(key.kind, key.value))
    }
    if rows:
        db.fetch(
            "INSERT INTO oms_searchkey (kind, value, entity_kind, entity_id, channel)"
            " SELECT * FROM unnest(%s::text[], %s::text[], %s::text[], %s::bigint[], %s::text[])"
            " ON CONFLICT DO NOTHING",
            [list(column) for column in zip(*sorted(rows), strict=True)],
            often=True,
        )


@dataclass(frozen=True, slots=True)
class Reading:
    """What a search text could mean: exact identifiers, endings of phone numbers, and words of a name."""

    exact: tuple[tuple[str, str], ...]
    prefixes: tuple[tuple[str, str], ...]
    phone_ending: str
    name: str
    hint: str = ""


def read(typed: str) -> Reading:
    """Read what was typed or pasted: one identifier, a name, or a whole sentence with identifiers in it."""
    typed = text.free(typed, most=2000).lstrip("#").lstrip()
    emails = _EMAIL.findall(typed)
    if len(typed) > LONGEST or len(typed.split()) > MOST_WORDS:
        return _read_pasted(typed, emails)
    exact: dict[tuple[str, str], None] = {}
    prefixes: list[tuple[str, str]] = []
    whole = normalise(K.NUMBER, typed)
    for kind in (K.NUMBER, K.EXTERNAL, K.SKU, K.BUYER, K.LOYALTY, K.TRACKING, K.GTIN, K.POSTCODE):
        if value := normalise(kind, typed):
            exact[kind, value] = None
    if (code := normalise(K.GTIN, typed)).isdigit() and 8 <= len(code) <= 14:
        exact[K.GTIN, code.zfill(14)] = None
    exact |= {(K.EMAIL, normalise(K.EMAIL, email)): None for email in emails}
    digits = _phone_like(typed)
    if len(digits) >= 7:
        exact[K.PHONE, phone_digits(typed)] = None
    exact |= _phones_in(typed)
    if "@" in typed and " " not in typed:
        prefixes.append((K.EMAIL, normalise(K.EMAIL, typed)))  # somebody is still typing it, or has only its beginning
    elif len(whole) >= 4 and any(c.isdigit() for c in whole):
        prefixes += [(kind, whole) for kind in (K.NUMBER, K.EXTERNAL, K.SKU, K.TRACKING)]
    words = " ".join(word for word in typed.split() if sum(map(str.isdigit, word)) < CODE)
    name = normalise(K.NAME, words) if re.search(r"[^\W\d_]", words) and "@" not in typed else ""
    hint = "" if exact and (len(name) >= FEWEST_LETTERS or not name) else "Type at least three letters of a name."
    return Reading(
        tuple(exact),
        tuple(prefixes),
        digits,
        name if len(name) >= FEWEST_LETTERS else "",
        hint,
    )


def _phone_like(typed: str) -> str:
    """The digits of what could be a phone number or the end of one; "" for anything else.

    Zeros before a whole number are how its own country dials it, or dials abroad: the stored form has none.
    """
    digits = phonenumbers.normalize_digits_only(typed)
    if len(digits) < 4 or re.search(r"[A-Za-z]{2}", typed):
        return ""
    return digits.lstrip("0") if len(digits) > 7 else digits


def _phones_in(typed: str) -> dict[tuple[str, str], None]:
    """Whole phone numbers within a text, such as “tel 610 555 0100 ext. 5”."""
    numbers = [match.number for match in phonenumbers.PhoneNumberMatcher(typed, REGION)]
    return {(K.PHONE, f"{n.country_code}{phonenumbers.national_significant_number(n)}"): None for n in numbers}


def _read_pasted(typed: str, emails: list[str]) -> Reading:
    exact: dict[tuple[str, str], None] = {(K.EMAIL, normalise(K.EMAIL, email)): None for email in emails}
    for found in _CODE.findall(_EMAIL.sub(" ", typed)):
        code = found.rstrip("./_-")
        if any(c.isdigit() for c in code) and len(code) >= 5:
            for kind in (K.NUMBER, K.EXTERNAL, K.TRACKING, K.SKU, K.GTIN):
                exact[kind, normalise(kind, code)] = None
    exact |= _phones_in(typed)
    return Reading(tuple(exact)[:60], (), "", "", "" if exact else "No number, e-mail or phone was found in that text.")


def look_up(reading: Reading, *, channels: frozenset[str] | None, limit: int = 60) -> list[Hit]:
    """Return hits, exact ones first, newest records first within each strength.

    `channels` narrows to records of these channels and to records of none; None does not narrow.
    Names match by similarity, so misspelt ones are found. Never counts, never scans.
    """
    seen: dict[tuple[str, int], Hit] = {}
    scope = list(channels) if channels is not None else None
    rows = db.fetch(
        _LOOK_UP,
        {
            "exact_kinds": [kind for kind, _ in reading.exact],
            "exact_values": [value for _, value in reading.exact],
            "prefix_kinds": [kind for kind, _ in reading.prefixes],
            "prefix_values": [value for _, value in reading.prefixes],
            "ending": _escaped(reading.phone_ending[::-1]) + "%" if reading.phone_ending else None,
            "name": reading.name or None,
            "scope": scope,
            "limit": limit,
        },
    )
    for entity_kind, entity_id, kind, value, strength in rows:
        seen.setdefault((entity_kind, entity_id), Hit(entity_kind, entity_id, kind, value, strength == 0))
    return list(seen.values())[:limit]


def _escaped(value: str) -> str:
    return re.sub(r"([\\%_])", r"\\\1", value)


# A prefix is said as a range up to the last character there is: for LIKE an index helps constant patterns only.
_LOOK_UP = """
WITH hit AS (
    (SELECT k.*, 0 AS strength, 1.0::real AS likeness
       FROM unnest(%(exact_kinds)s::text[], %(exact_values)s::text[]) AS w(kind, value)
       JOIN oms_searchkey k ON k.value = w.value AND k.kind = w.kind
      WHERE %(scope)s::text[] IS NULL OR k.channel = '' OR k.channel = ANY(%(scope)s)
      ORDER BY k.entity_id DESC LIMIT %(limit)s)
    UNION ALL
    (SELECT k.*, 1, 1.0::real
       FROM unnest(%(prefix_kinds)s::text[], %(prefix_values)s::text[]) AS w(kind, prefix)
      CROSS JOIN LATERAL (
            SELECT * FROM oms_searchkey s
             WHERE s.kind = w.kind AND s.value ~>=~ w.prefix AND s.value ~<~ (w.prefix || chr(1114111))
               AND (%(scope)s::text[] IS NULL OR s.channel = '' OR s.channel = ANY(%(scope)s))
             LIMIT %(limit)s) k)
    UNION ALL
    (SELECT k.*, 1, 0.9::real FROM oms_searchkey k
      WHERE %(ending)s::text IS NOT NULL AND k.kind = 'phone' AND reverse(k.value) LIKE %(ending)s
        AND (%(scope)s::text[] IS NULL OR k.channel = '' OR k.channel = ANY(%(scope)s))
      LIMIT %(limit)s)
    UNION ALL
    (SELECT k.*, 2, word_similarity(%(name)s, k.value) FROM oms_searchkey k
      WHERE %(name)s::text IS NOT NULL AND k.kind = 'name' AND %(name)s <%% k.value
        AND (%(scope)s::text[] IS NULL OR k.channel = '' OR k.channel = ANY(%(scope)s))
      ORDER BY word_similarity(%(name)s, k.value) DESC, k.entity_id DESC LIMIT %(limit)s)
)
SELECT entity_kind, entity_id, kind, value, strength FROM hit
 ORDER BY strength, likeness DESC, entity_id DESC LIMIT %(limit)s * 3
"""
