import psycopg
from flask import Flask, jsonify
from lxml import etree

app = Flask(__name__)


@app.get("/healthz")
def healthz():
    return jsonify(status="ok", libpq=psycopg.pq.version(), libxml=".".join(map(str, etree.LIBXML_VERSION)))


@app.get("/")
def index():
    return "<h1>Orders</h1>"


if __name__ == "__main__":
    app.run(port=5000)
