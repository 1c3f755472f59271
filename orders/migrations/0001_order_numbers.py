"""Short numbers people read aloud. A sequence never makes anybody wait; gaps are fine."""

from django.db import migrations


class Migration(migrations.Migration):
    initial = True
    dependencies = []
    operations = [
        migrations.RunSQL("CREATE SEQUENCE order_numbers START 100001", "DROP SEQUENCE order_numbers"),
    ]
