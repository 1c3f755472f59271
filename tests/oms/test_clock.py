"""Moments from outside (M33): read one way or refused, under whatever clock this machine runs."""

import time
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oms import clock

LONDON = ZoneInfo("Europe/London")
ST_JOHNS = ZoneInfo("America/St_Johns")


@pytest.fixture(params=["Pacific/Kiritimati", "America/St_Johns", "Europe/London"], autouse=True)
def machine(request, monkeypatch):
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


class TestParse:
    @pytest.mark.parametrize(
        ("text", "moment"),
        [
            ("2026-11-03T14:02:10Z", datetime(2026, 11, 3, 14, 2, 10, tzinfo=UTC)),
            ("2026-11-03 14:02Z", datetime(2026, 11, 3, 14, 2, tzinfo=UTC)),
            ("2026-11-03T14:02:10.123456789Z", datetime(2026, 11, 3, 14, 2, 10, 123456, tzinfo=UTC)),
            ("2026-11-03T14:02:10,5-03:30", datetime(2026, 11, 3, 17, 32, 10, 500000, tzinfo=UTC)),
            ("2026-11-03T14:02:10+0530", datetime(2026, 11, 3, 8, 32, 10, tzinfo=UTC)),
            ("2024-02-29T23:59:59-08:00", datetime(2024, 3, 1, 7, 59, 59, tzinfo=UTC)),
            ("2026-12-31T23:59:60Z", datetime(2027, 1, 1, tzinfo=UTC)),
            ("2026-12-31T23:59:60.25Z", datetime(2027, 1, 1, 0, 0, 0, 250000, tzinfo=UTC)),
            ("9999-12-31T23:59:59Z", datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
            ("2000-01-01T00:00:00Z", clock.EARLIEST),
        ],
    )
    def test_gives_utc(self, text, moment):
        assert clock.parse(text) == moment
        assert clock.parse(text).tzinfo is UTC

    @pytest.mark.parametrize(
        "text",
        [
            "2026-11-03T14:02:10", "2026-11-03", "2026-W45-2T14:02Z", "20261103T140210Z", "1762178530", "1762178530123",
            "2026-11-03T24:00:00Z", "2026-11-03T14:60:00Z", "2026-11-03T14:02:61Z", "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z", "2026-11-03T14:02:10z", "2026-11-03T14:02:10Z\n", " 2026-11-03T14:02:10Z",
            "２０２６-11-03T14:02:10Z", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "0000-01-01T00:00:00Z",
            "1999-12-31T23:59:59Z", "2000-01-01T00:30:00+01:00", "9999-12-31T23:59:59-14:00", "9999-12-31T23:59:60Z",
            "2026-11-03T14:02:10+25:00", "2026-11-03T14:02:10+60", "2026-11-03T14:02:10 Europe/London",
            "2026-11-03T14:02:10.1234567890Z", "now", "", "\ud800", "x" * 5000, None, 1762178530, 1762178530.5,
            datetime(2026, 11, 3, tzinfo=UTC), True,
        ],
    )  # fmt: skip
    def test_refuses_what_is_no_moment(self, text):
        with pytest.raises(clock.BadMoment) as refused:
            clock.parse(text)

        assert refused.value.code == "timestamp_invalid"
        assert len(refused.value.message.encode()) < 200

    @pytest.mark.parametrize(
        ("text", "zone", "moment"),
        [
            ("2026-07-01T12:00:00", LONDON, datetime(2026, 7, 1, 11, tzinfo=UTC)),
            ("2026-07-01T12:00:00Z", LONDON, datetime(2026, 7, 1, 12, tzinfo=UTC)),  # what the text says goes
            ("2026-03-29T01:30:00", LONDON, datetime(2026, 3, 29, 1, 30, tzinfo=UTC)),  # never was: 02:30 by the clock
            ("2026-10-25T01:30:00", LONDON, datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),  # was twice: the first
            ("2026-03-08T02:30:00", ST_JOHNS, datetime(2026, 3, 8, 6, 0, tzinfo=UTC)),
            ("2026-11-01T01:30:00", ST_JOHNS, datetime(2026, 11, 1, 4, 0, tzinfo=UTC)),
        ],
    )
    def test_reads_a_wall_clock_where_one_is_named(self, text, zone, moment):
        assert clock.parse(text, zone=zone) == moment


class TestRender:
    def test_is_what_marketplaces_ask_for(self):
        moment = datetime(2026, 11, 3, 15, 2, 10, 123999, tzinfo=timezone(timedelta(hours=1)))

        assert clock.render(moment) == "2026-11-03T14:02:10.123Z"

    @given(st.datetimes(datetime(2000, 1, 1), datetime(9999, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001  # bounds of naive moments, as hypothesis wants them
    def test_is_read_back_to_the_millisecond(self, moment):
        assert clock.parse(clock.render(moment)) == moment.replace(microsecond=moment.microsecond // 1000 * 1000)
