"""The same hello in Flask, which the platform's own sample for Python runs below gunicorn."""

import time

from flask import Flask, Response, request

METHODS = ["GET", "POST"]
app = Flask(__name__)


@app.route("/", defaults={"path": ""}, methods=METHODS)
@app.route("/<path:path>", methods=METHODS)
def hello(path):
    if path == "echo":
        return Response(request.get_data(), content_type="application/octet-stream")
    if path == "sleep":
        time.sleep(0.1)
    return Response("Hello, World!", content_type="text/plain; charset=utf-8")
