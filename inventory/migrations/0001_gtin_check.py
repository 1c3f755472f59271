"""The GS1 check digit, known to Postgres, so that no path can store a barcode that does not scan."""

from django.db import migrations

# Weights 3 and 1 alternate from the left of the 14-digit form; the check digit fills up to a multiple of ten.
FUNCTION = """
CREATE FUNCTION gtin_is_valid(code text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT code ~ '^[0-9]{14}$' AND code <> '00000000000000' AND (
        SELECT sum(substr(code, place, 1)::int * CASE WHEN place % 2 = 1 THEN 3 ELSE 1 END) % 10 = 0
          FROM generate_series(1, 14) AS place)
$$
"""


class Migration(migrations.Migration):
    initial = True
    dependencies = [("oms", "0001_postgres_extensions")]
    operations = [migrations.RunSQL(FUNCTION, "DROP FUNCTION gtin_is_valid(text)")]
