from freezegun import freeze_time
import datetime


def test_time():
    with freeze_time("2020-01-01"):
        assert datetime.date.today().year == 2020
