import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import joblib

MODEL = joblib.load(os.path.join(os.path.dirname(__file__), "models", "price.joblib"))


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/health":
            return self.reply({"status": "ok", "model": MODEL["name"]})
        area = float(self.path.rpartition("/")[2] or 0)
        self.reply({"price": MODEL["intercept"] + MODEL["slope"] * area})

    def reply(self, body):
        data = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


if __name__ == "__main__":
    ThreadingHTTPServer(("0.0.0.0", 9000), Handler).serve_forever()
