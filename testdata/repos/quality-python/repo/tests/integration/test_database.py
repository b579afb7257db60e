import os


def test_database() -> None:
    assert os.environ["DATABASE_URL"].startswith("postgres")
