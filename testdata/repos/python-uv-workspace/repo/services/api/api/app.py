from flask import Flask

from words import greet

app = Flask(__name__)


@app.get("/health")
def health():
    return greet("uv")
