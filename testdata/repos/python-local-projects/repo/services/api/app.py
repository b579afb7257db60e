from flask import Flask
from tides import highest

app = Flask(__name__)


@app.get("/healthz")
def healthz():
    return {"highest": highest([1.2, 3.4])}
