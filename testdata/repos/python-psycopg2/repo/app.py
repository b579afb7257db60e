import os

import psycopg2
from flask import Flask

app = Flask(__name__)


@app.get("/healthz")
def healthz():
    return {"libpq": psycopg2.extensions.libpq_version()}


@app.get("/tides")
def tides():
    with psycopg2.connect(os.environ["DATABASE_URL"]) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT harbour, metres FROM tides ORDER BY harbour")
        return dict(cursor.fetchall())
