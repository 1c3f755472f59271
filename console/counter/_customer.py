"""Who buys, where things are sent, and how it is paid."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from babel import Locale
from babel.core import get_global
from django import forms

from channels.connectors import addresses
from oms import text
from orders import checkout
from orders.incoming import Address, Buyer

NO_COUNTRIES = {"ZZ", "EU", "EA", "IC", "DG", "CP"}  # named by CLDR, not by ISO
BUYER = ("name", "phone", "email", "loyalty_number")
ADDRESS = ("line1", "line2", "city", "region", "postcode", "country")
NEEDED = {"name": "a name", "line1": "a street", "city": "a city", "postcode": "a postcode", "country": "a country"}
TAKEN_OUT = "That looked like the number of a payment card and was taken out. Cards go through the terminal only."


@cache
def countries() -> list[tuple[str, str]]:
    names = Locale("en").territories
    codes = {code for code in get_global("territory_currencies") if len(code) == 2 and code.isalpha()} - NO_COUNTRIES
    return sorted(((code, names[code]) for code in codes & names.keys()), key=lambda pair: pair[1])


class Choice(forms.RadioSelect):
    """Radio buttons of which the first one can be reached by a link in the summary of mistakes."""

    def id_for_label(self, id_: str, index: str | None = None) -> str:
        return super().id_for_label(id_, index or "0")


class CustomerForm(forms.Form):
    """Everything is optional until something is to be shipped; somebody always has to pay."""

    name = forms.CharField(label="Name", max_length=200, required=False)
    phone = forms.CharField(label="Phone", max_length=40, required=False)
    email = forms.EmailField(label="E-mail", max_length=200, required=False)
    loyalty_number = forms.CharField(label="Loyalty number", max_length=40, required=False)
    line1 = forms.CharField(label="Street", max_length=200, required=False)
    line2 = forms.CharField(label="Flat, floor", max_length=200, required=False)
    city = forms.CharField(label="City", max_length=120, required=False)
    region = forms.CharField(label="State or region", max_length=80, required=False)
    postcode = forms.CharField(label="Postcode", max_length=20, required=False)
    country = forms.ChoiceField(label="Country", choices=countries, required=False)
    note = forms.CharField(label="Note", max_length=500, required=False, widget=forms.Textarea(attrs={"rows": 2}))
    payment = forms.ChoiceField(
        label="Paid",
        choices=[("card", "Card"), ("cash", "Cash")],
        widget=Choice,
        error_messages={"required": "Choose how it is paid."},
    )

    def __init__(self, *args: Any, ships: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.ships = ships
        for field in self.fields.values():
            # The next customer is another person: the browser must not offer the one before.
            field.widget.attrs["autocomplete"] = "off"
        self.fields["phone"].widget.attrs["inputmode"] = "tel"

    def clean(self) -> dict[str, Any]:
        super().clean()
        cleaned = {name: text.free(value) for name, value in self.cleaned_data.items()}
        if self.ships:
            self._demand_address(cleaned)
        return cleaned

    def _demand_address(self, cleaned: Mapping[str, str]) -> None:
        for name, words in NEEDED.items():
            if not cleaned.get(name) and name not in self.errors:
                self.add_error(name, f"To ship something, {words} is needed.")
        if not self.errors and addresses.is_doubtful(_address(cleaned)):
            self.add_error("postcode", "A carrier would stumble over this address: check state and postcode.")

    def buyer(self) -> Buyer:
        return Buyer(**{name: self.cleaned_data[name] for name in BUYER})

    def ship_to(self) -> Address | None:
        return _address(self.cleaned_data) if self.ships else None


def _address(cleaned: Mapping[str, str]) -> Address:
    return Address(name=cleaned["name"], phone=cleaned["phone"], **{name: cleaned[name] for name in ADDRESS})


def typed(posted: Mapping[str, Any]) -> tuple[dict[str, str], list[str]]:
    """What was typed, and the fields a card number was taken out of: it is kept nowhere and not shown again."""
    said = {name: str(posted.get(name, ""))[:1000] for name in CustomerForm.base_fields}
    cards = [name for name, value in said.items() if checkout.holds_card_number(value)]
    return {**said, **dict.fromkeys(cards, "")}, cards


def bound(posted: Mapping[str, Any], *, ships: bool) -> tuple[CustomerForm, dict[str, str]]:
    """The form as sent, and what of it may be kept in the basket."""
    said, cards = typed(posted)
    form = CustomerForm(said, ships=ships)
    for name in cards:
        form.add_error(name, TAKEN_OUT)
    return form, said
