"""Which clock a place in the United States lives by. States with two zones are split at a longitude or latitude."""

_ZONES = {
    "America/New_York": "CT DC DE FL GA KY MA MD ME NC NH NJ NY OH PA RI SC TN VA VT WV",
    "America/Chicago": "AL AR IA IL KS LA MN MO MS ND NE OK SD TX WI",
    "America/Denver": "CO MT NM UT WY",
    "America/Los_Angeles": "CA NV OR WA",
    "America/Anchorage": "AK",
    "America/Boise": "ID",
    "America/Detroit": "MI",
    "America/Indiana/Indianapolis": "IN",
    "America/Phoenix": "AZ",
    "America/Puerto_Rico": "PR",
    "Pacific/Honolulu": "HI",
}
_OF_STATE = {state: zone for zone, states in _ZONES.items() for state in states.split()}
# West of this longitude the state keeps the other zone's time.
_WEST_OF = {
    "FL": (-85.1, "America/Chicago"),
    "KY": (-86.0, "America/Chicago"),
    "TN": (-85.2, "America/Chicago"),
    "IN": (-86.7, "America/Chicago"),
    "KS": (-101.5, "America/Denver"),
    "ND": (-101.5, "America/Denver"),
    "NE": (-101.2, "America/Denver"),
    "SD": (-100.6, "America/Denver"),
    "TX": (-105.0, "America/Denver"),
}
_SOUTH_BEND = 41.0  # Indiana's west is Eastern again between its two corners
_EVANSVILLE = 38.5
_PANHANDLE = 45.5  # northern Idaho lives with Spokane


def of(state: str, latitude: float, longitude: float) -> str:
    if state == "ID" and latitude > _PANHANDLE:
        return "America/Los_Angeles"
    if state == "IN" and _EVANSVILLE < latitude < _SOUTH_BEND:
        return _OF_STATE[state]
    border, western = _WEST_OF.get(state, (-180.0, ""))
    return western if longitude < border else _OF_STATE[state]
