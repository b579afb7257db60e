import cv2
from flask import Flask

app = Flask(__name__)


@app.get("/")
def version():
    return cv2.__version__
