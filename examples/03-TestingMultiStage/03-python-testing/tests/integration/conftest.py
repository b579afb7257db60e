import os

import psycopg
import pytest
from fastapi.testclient import TestClient
from redis import Redis

from shop.app import app


@pytest.fixture
def client():
    """The app with the servers that DATABASE_URL and REDIS_URL name, emptied."""
    with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
        connection.execute("TRUNCATE orders, items RESTART IDENTITY")
    with Redis.from_url(os.environ["REDIS_URL"]) as redis:
        redis.flushdb()
    with TestClient(app) as client:
        yield client
