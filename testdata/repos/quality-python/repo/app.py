import os

from flask import Flask

from orders.price import total

app = Flask(__name__)
DATABASE_URL = os.environ["DATABASE_URL"]


@app.get("/health")
def health() -> dict[str, int]:
    return {"total": total([])}
