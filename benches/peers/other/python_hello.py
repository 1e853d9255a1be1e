"""The same hello in Python's http.server, with a thread per connection."""

import os
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Hello(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # one write per response: head and body together

    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        media_type = "application/octet-stream"
        if self.path != "/echo":
            body, media_type = b"Hello, World!", "text/plain; charset=utf-8"
        if self.path == "/sleep":
            time.sleep(0.1)
        self.send_response(200)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = answer

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    request_queue_size = 1024


Server(("0.0.0.0", int(os.environ.get("PORT", "9000"))), Hello).serve_forever()
