"""Text from outside, made safe to store, compare and print. Pure."""

import re
import unicodedata

from oms.errors import Refused

# Characters that steer the direction or joining of text and so can make a label lie.
_STEERING = dict.fromkeys(
    [*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200B, 0x200E, 0x200F, 0x061C, 0x2060, 0xFEFF, 0x00AD]
)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
# Letters of names that no decomposition turns into those of an English keyboard.
_KEYBOARD = str.maketrans({"ł": "l", "ø": "o", "đ": "d", "ð": "d", "ħ": "h", "ı": "i", "þ": "th", "æ": "ae", "œ": "oe"})
_BLANKS = re.compile(r"\s+")
_NOT_SEEN = re.compile(rf"{_CONTROL.pattern}|[^\S ]")  # a plain space within an identifier can be seen


class InvalidUnicode(Refused):
    code = "invalid_unicode"
    status = 422


class BadIdentifier(Refused):
    code = "identifier_invalid"
    status = 422


def free(value: object, *, most: int = 500) -> str:
    """Return one line of free text: NFC, no control or steering characters, runs of blanks folded.

    None becomes "". Longer text is cut at `most`; compare lengths beforehand where that must be told.
    Raises InvalidUnicode for lone surrogates, which no store can keep.
    """
    if value is None:
        return ""
    text = _encodable(str(value)).translate(_STEERING)
    text = _CONTROL.sub(" ", unicodedata.normalize("NFC", text))
    return _BLANKS.sub(" ", text).strip()[:most].rstrip()


def identifier(value: object, *, what: str, most: int = 80) -> str:
    """Return an identifier exactly as given, or raise: identifiers are matched, so they are never repaired."""
    if not isinstance(value, str) or not value:
        raise BadIdentifier(f"{what} is missing.", field=what)
    text = _encodable(value)
    if len(text) > most:
        raise BadIdentifier(f"{what} is longer than {most} characters.", field=what, length=len(text))
    if text != text.strip() or _NOT_SEEN.search(text) or any(ord(character) in _STEERING for character in text):
        raise BadIdentifier(f"{what} has blanks around it or characters that cannot be seen.", field=what)
    return text


def fold(value: str) -> str:
    """The form names are compared in: lower case, no accents, single blanks."""
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", value).casefold())
    bare = "".join(c for c in decomposed if not unicodedata.combining(c))
    return _BLANKS.sub(" ", bare.translate(_KEYBOARD)).strip()


def _encodable(text: str) -> str:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as broken:
        raise InvalidUnicode("The text holds half a character (a lone surrogate) and cannot be stored.") from broken
    return text
