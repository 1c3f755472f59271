import io
import json
import logging

import pytest
import structlog
from django.db import IntegrityError, connection, transaction

from oms import logs

PERSON = "Zebedee Quill"  # not written out where a traceback would quote the line


class TestClean:
    @pytest.mark.parametrize(
        "number",
        [
            "+44 20 7946 0958",
            "+14155550132",
            "+49 (0)30 901820",
            "020 7946 0958",
            "07700900123",
            "(415) 555-0132",
            "415-555-0132",
        ],
    )
    def test_phone_numbers_go(self, number):
        assert logs.clean(f"called {number} twice") == "called [phone] twice"

    @pytest.mark.parametrize(
        "kept",
        [
            "order 12-34567-89012 accepted",  # eBay
            "order 113-1234567-1234567 accepted",  # Amazon
            "gtin 0012345678905",
            "2026-11-22T11:51:50.880926Z",
            "ce11ba59-01fd-44da-9f1b-41823df42522",
            "127.0.0.1:8000",
        ],
    )
    def test_what_a_log_is_searched_for_stays(self, kept):
        assert logs.clean(kept) == kept

    def test_e_mail_addresses_go(self):
        assert logs.clean("sent to Ann.O'Neil+shop@example.co.uk.") == "sent to [e-mail]."


@pytest.fixture
def written():
    """What a log call ends up as, through the real formatter."""
    formatter = logs.configure(log_format="json", level="INFO")["formatters"]["scrubbed"]
    page = io.StringIO()
    handler = logging.StreamHandler(page)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(**{k: v for k, v in formatter.items() if k != "()"}))
    logger = logging.getLogger("tests.oms.logs")
    logger.addHandler(handler)
    logger.propagate = False
    yield lambda: json.loads(page.getvalue())
    logger.removeHandler(handler)


class TestWritten:
    @pytest.mark.django_db
    def test_a_database_error_does_not_carry_the_row(self, written):
        with connection.cursor() as cursor:
            cursor.execute("CREATE TEMP TABLE people (name text, age int CHECK (age > 0)) ON COMMIT DROP")
            try:
                with transaction.atomic():
                    cursor.execute("INSERT INTO people VALUES (%s, -1)", [PERSON])
            except IntegrityError:
                logging.getLogger("tests.oms.logs").exception("insert failed")

        entry = written()
        assert "people_age_check" in entry["exception"]
        assert "Zebedee" not in json.dumps(entry)

    def test_values_are_scrubbed_as_well_as_the_message(self, written):
        logger = structlog.wrap_logger(logging.getLogger("tests.oms.logs"))
        logger.warning("no answer", who={"mail": ["ann@example.com"], "phone": "+44 20 7946 0958"}, request_id="a1")

        entry = written()
        assert entry["who"] == {"mail": ["[e-mail]"], "phone": "[phone]"}
        assert entry["request_id"] == "a1"

    def test_arguments_of_the_standard_library_are_scrubbed(self, written):
        logging.getLogger("tests.oms.logs").error("mail to %s failed", "ann@example.com")

        assert written()["event"] == "mail to [e-mail] failed"
