import json

from oms.errors import Refused


class TestRefused:
    def test_says_what_and_why(self):
        refusal = Refused("Two units are missing.", short=[{"sku": "T90", "units": 2}])

        assert (str(refusal), refusal.message) == ("Two units are missing.", "Two units are missing.")
        assert refusal.facts == {"short": [{"sku": "T90", "units": 2}]}
        assert (refusal.code, refusal.status) == ("refused", 409)

    def test_can_quote_anything_and_still_be_sent_and_stored(self):
        refusal = Refused("“a\ud800\x00b” is no date.", moment="a\ud800\x00b", seen=[{"\udfff": ("\x00",)}], units=3)

        assert str(refusal) == "“a��b” is no date."
        assert refusal.facts == {"moment": "a��b", "seen": [{"�": ["�"]}], "units": 3}
        assert "\\u0000" not in json.dumps(refusal.facts)
        assert json.dumps(refusal.facts, ensure_ascii=False).encode()
