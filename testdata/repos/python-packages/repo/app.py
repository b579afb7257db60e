import magic
from flask import Flask

app = Flask(__name__)


@app.get("/")
def kind():
    return magic.from_buffer(b"%PDF-1.7", mime=True)


@app.get("/healthz")
def healthz():
    return "ok"
