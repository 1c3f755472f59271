"""What is asked before something is done with an order."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django import forms

from oms import text

CARRIERS = ("UPS", "FedEx", "USPS", "DHL", "DPD", "Royal Mail")
COLLECTED = "Collected"  # the carrier of what a customer takes along from a store


@dataclass(frozen=True, slots=True)
class Waiting:
    """Units of the order that a location is to send, or to hand over."""

    code: str
    name: str
    units: int
    is_collected: bool

    @property
    def words(self) -> str:
        return f"{self.name} · {self.units:,} {'unit' if self.units == 1 else 'units'}"


class DeedForm(forms.Form):
    """`seen` is the version of the order that stood on the screen when this was filled in."""

    seen = forms.CharField(required=False, widget=forms.HiddenInput)

    @property
    def version_seen(self) -> int | None:
        """None when nobody says: then only the rules of the deed itself stand in the way."""
        seen = self.cleaned_data.get("seen", "")
        return int(seen) if re.fullmatch("[0-9]{1,18}", seen) else None


class CancelForm(DeedForm):
    OTHER = "Other"
    REASONS = ("The buyer changed their mind", "Ordered twice", "Cannot be supplied", "Wrong price or description")

    reason = forms.ChoiceField(label="Reason", error_messages={"required": "Say why; the reason is kept."})
    note = forms.CharField(
        label="In your words", max_length=240, required=False, widget=forms.Textarea(attrs={"rows": 2}),
        help_text="Stands in the order's story. No card numbers, please.",
    )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["reason"].choices = [  # type: ignore[attr-defined]
            ("", "Choose…"), *((reason, reason) for reason in (*self.REASONS, self.OTHER)),
        ]  # fmt: skip
        self.fields["note"].is_optional = True  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("reason") == self.OTHER and not cleaned.get("note"):
            self.add_error("note", "Say what the other reason is.")
            self.fields["note"].is_optional = False  # type: ignore[attr-defined]
        return cleaned

    @property
    def words(self) -> str:
        reason, note = self.cleaned_data["reason"], text.free(self.cleaned_data["note"], most=240)
        return note if reason == self.OTHER else f"{reason}: {note}" if note else reason


class ShipForm(DeedForm):
    location = forms.ChoiceField(label="Leaves from", error_messages={"required": "Choose where it leaves from."})
    carrier = forms.CharField(
        label="Carrier", max_length=40, required=False,
        widget=forms.TextInput(attrs={"list": "carriers", "autocomplete": "off"}),
    )  # fmt: skip
    tracking_number = forms.CharField(
        label="Tracking number", max_length=60, required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", "autocapitalize": "characters"}),
        help_text="As printed on the label. The channel and the buyer see it.",
    )  # fmt: skip

    def __init__(self, *args: Any, waiting: Mapping[str, Waiting], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.waiting = waiting
        self.fields["location"].choices = [(each.code, each.words) for each in waiting.values()]  # type: ignore[attr-defined]
        if waiting and all(each.is_collected for each in waiting.values()):
            del self.fields["carrier"], self.fields["tracking_number"]

    def clean_carrier(self) -> str:
        return text.free(self.cleaned_data["carrier"], most=40)

    def clean_tracking_number(self) -> str:
        return text.free(self.cleaned_data["tracking_number"], most=60).replace(" ", "").upper()

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        chosen = self.waiting.get(cleaned.get("location", ""))
        if chosen and chosen.is_collected:
            return {**cleaned, "carrier": COLLECTED, "tracking_number": ""}
        for name, fault in {
            "carrier": "Say who carries it.",
            "tracking_number": "Scan or type the number on the label.",
        }.items():
            if name in self.fields and not cleaned.get(name) and name not in self.errors:
                self.add_error(name, fault)
        return cleaned


class AllocateForm(DeedForm):
    pass
