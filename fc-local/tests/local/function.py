"""A function in another language: Python's standard library, one thread per connection.

Environment: INITIALIZE and PRE_STOP are the statuses of the hooks ("hang" and "drop" are possible too), FAIL_ONCE is
a file whose absence makes the first call fail, TRACE a named pipe that gets one line per request.
"""
import base64
import json
import os
import signal
import socket
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

HOST = os.environ.get("HOST", "0.0.0.0")
PORT = int(os.environ.get("FIXED_PORT") or os.environ["FC_CUSTOM_LISTEN_PORT"])
trace_lock = threading.Lock()


def trace(text):
    if "TRACE" in os.environ:
        with trace_lock, open(os.environ["TRACE"], "a") as file:
            file.write(text + "\n")


def pass_gate(path):
    """Takes one byte of a fifo, as soon as there is one."""
    fifo = os.open(path, os.O_RDONLY)
    os.read(fifo, 1)
    os.close(fifo)


class Function(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 65536

    def log_message(self, *arguments):
        pass

    def setup(self):
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def handle_any(self):
        control = self.headers.get("x-fc-control-path")
        trace(f"{self.command} {self.path} {control} {os.environ['FC_INSTANCE_ID']}")
        if control == "/initialize":
            return self.hook(os.environ.get("INITIALIZE", "200"))
        if control == "/pre-stop":
            return self.hook(os.environ.get("PRE_STOP", "200"))
        url = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        body = b"" if url.path == "/duplex" else self.body()
        if control == "/invoke":
            # An event says as JSON what to do.
            query = json.loads(body) if body.startswith(b"{") else {}
            url = url._replace(path=query.get("path", "/echo"))
        getattr(self, "do" + url.path.replace("/", "_").replace("-", "_"), self.do_echo)(query, body)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_OPTIONS = do_PATCH = handle_any

    def body(self):
        if self.headers.get("transfer-encoding", "") != "chunked":
            return self.rfile.read(int(self.headers.get("content-length", 0)))
        body = bytearray()
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return bytes(body)

    def hook(self, outcome):
        if outcome == "hang":
            threading.Event().wait()
        if outcome == "drop":
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        self.answer(int(outcome), b"hook says " + outcome.encode())

    def answer(self, status, body, **headers):
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        self.wfile.flush()

    def do_echo(self, query, body):
        seen = {
            "method": self.command,
            "target": self.path,
            "body": base64.b64encode(body).decode() if len(body) < 4096 else len(body),
            "headers": {name.lower(): value for name, value in self.headers.items()},
            "pid": os.getpid(),
            "instance": os.environ["FC_INSTANCE_ID"],
        }
        self.answer(200, json.dumps(seen).encode(), x_custom="yes", x_fc_secret="no", set_cookie="a=b")

    def do_environment(self, query, body):
        self.answer(200, json.dumps(dict(os.environ, CWD=os.getcwd())).encode())

    def do_raw(self, query, body):
        self.answer(200, body)

    def do_say(self, query, body):
        print(query.get("text", "said"), end="" if "unfinished" in query else "\n", flush=True)
        self.answer(200, b"done")

    def do_fail(self, query, body):
        self.answer(200, b'{"errorMessage":"no luck"}', x_fc_status="404")

    def do_status(self, query, body):
        self.answer(int(query["code"]), b"as asked")

    def do_fail_times(self, query, body):
        """Fails until the file has the wanted number of lines."""
        with open(query["file"], "a+") as file:
            file.seek(0)
            calls = len(file.readlines())
            file.write("call\n")
        trace(f"attempt {self.headers.get('x-fc-retry-count')}")
        self.answer(200, b"{}", **({} if calls >= query["times"] else {"x_fc_status": "404"}))

    def do_wait(self, query, body):
        """Until somebody writes to the fifo."""
        trace("waiting")
        pass_gate(query["fifo"])
        self.answer(200, os.environ["FC_INSTANCE_ID"].encode())

    def do_hang(self, query, body):
        trace("hanging")
        threading.Event().wait()

    def do_exit(self, query, body):
        os._exit(int(query.get("code", 1)))

    def do_drop(self, query, body):
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def do_hog(self, query, body):
        hog = bytearray(int(query["mb"]) * 1024 * 1024)
        hog[::4096] = b"x" * len(hog[::4096])
        threading.Event().wait()

    def do_garbage(self, query, body):
        self.close_connection = True
        self.wfile.write(b"this is not HTTP\r\n\r\n")

    def do_big_headers(self, query, body):
        self.answer(200, b"", x_big="x" * 9000)

    def do_fork(self, query, body):
        """Grandchildren: one in the group, one in a session of its own."""
        inside = subprocess.Popen(["sleep", "1000"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        outside = subprocess.Popen(
            ["sleep", "1000"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        self.answer(200, json.dumps([os.getpid(), inside.pid, outside.pid]).encode())

    def do_stream(self, query, body):
        """One chunk, and the next one when the fifo is written to."""
        self.send_response(200)
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"5\r\nfirst\r\n")
        self.wfile.flush()
        pass_gate(query["fifo"])
        self.wfile.write(b"6\r\nsecond\r\n0\r\n\r\n")
        self.wfile.flush()

    def do_break_off(self, query, body):
        self.send_response(200)
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"5\r\nfirst\r\n")
        self.wfile.flush()
        os._exit(9)

    def do_duplex(self, query, body):
        """Answers each chunk as it comes."""
        self.send_response(200)
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        self.wfile.flush()
        while size := int(self.rfile.readline(), 16):
            chunk = self.rfile.read(size)
            self.rfile.readline()
            self.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
            self.wfile.flush()
        self.rfile.readline()
        self.wfile.write(b"0\r\n\r\n")
        self.wfile.flush()

    def do_health_of(self, query, body):
        """What the health check is to answer from now on."""
        Function.health = int(query["status"])
        self.answer(200, b"")

    health = int(os.environ.get("HEALTH", "200"))

    def do_health(self, query, body):
        self.answer(Function.health, b"")


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 1024


signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
server = Server((HOST, PORT), Function)
print("function is up", flush=True)
server.serve_forever()
