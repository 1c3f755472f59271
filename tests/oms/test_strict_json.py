"""JSON that two readers would understand differently is understood by neither (M17, M18, A08)."""

import json
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oms import strict_json

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
    max_leaves=20,
)


class TestLoads:
    @given(values)
    def test_reads_all_that_is_json(self, value):
        assert strict_json.loads(json.dumps(value, ensure_ascii=False).encode()) == value

    @pytest.mark.parametrize(
        "body",
        [
            b'{"a": 1, "a": 2}',
            b'{"a": 1, "a": 1}',
            b'[{"deep": {"a": {}, "b": 1, "a": {}}}]',
            b'{"a": 1, "\\u0061": 2}',
            b"NaN", b"[Infinity]", b"-Infinity", b"1e400", b"[-1e400]",
            b"1" * 5000, b"-" + b"9" * 5000,
            b"", b"{", b"[1,]", b"{'a': 1}", b"01", b"1 2", b'"\x00"', b'"a\nb"', b"// note\n1", b"<html>",
            b"\xef\xbb\xbf{}", b"\xff\xfe{\x00}\x00", b'"\xe9"', b'"\xed\xa0\x80"', b'{"\\ud800": 1}',
            b"[" * 100_000, b"[" * 100_000 + b"]" * 100_000, b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        ],
    )  # fmt: skip
    def test_refuses_the_rest(self, body):
        with pytest.raises(strict_json.BadJson) as refused:
            strict_json.loads(body)

        assert (refused.value.code, refused.value.status) == ("json_invalid", 400)
        assert len(refused.value.message.encode()) < 500

    def test_keeps_a_big_number_exact(self):
        assert strict_json.loads(b"123456789012345678901234567890") == 123456789012345678901234567890

    def test_needs_little_memory_to_refuse(self):
        body = b'{"a":1,' * 50_000 + b'"a":1' + b"}" * 50_000
        tracemalloc.start()
        with pytest.raises(strict_json.BadJson):
            strict_json.loads(body)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()

        assert peak < 20 * len(body)
