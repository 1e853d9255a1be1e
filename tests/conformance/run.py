#!/usr/bin/env python3
"""Drives the public suites of other projects, as bytes over a socket, against the echo example: `make conformance`.

What a suite says of each case is one of: accept (one response below 400, with the body back), refuse (a status from 400
on, and the connection is closed) or incomplete (nothing is answered with success). Cases whose outcome is another one
are known deviations when tests/conformance/deviations.txt lists them, with the section that allows or demands it; the
exit code is 1 for any other. Nothing of the suites is in this repository: they are fetched below target/ by cargo and
pip, in the pinned versions, or found in the folder that CONFORMANCE_DIR names.
"""

import ast
import hashlib
import json
import os
import re
import socket
import subprocess
import sys
import tarfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
HERE = ROOT / "tests/conformance"
TARGET = Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target").resolve()
FETCHED = TARGET / "conformance"
# Version and checksum of what is fetched.
CRATES = {
    "http_desync_guardian": ("0.1.3", "ad6e2c57ee440735bff81df73424914248782406defb1c301042baae2cf4ae74"),
    "httparse": ("1.10.1", "6dbf3de79e51f3d586ab4cb9d5c3e2c14aa28ed23d180cf89b4df0454a69cc87"),
}
SDISTS = {"gunicorn": ("23.0.0", "f014447a0101dc57e294f6c18ca6b40227a4c90e9bdb586042628030cba004ec")}
# No answer takes longer; a case that is to have none waits for the end that the server makes of it.
WAIT = 10
# How much of a case is shown.
WIRE = int(os.environ.get("CONFORMANCE_WIRE", "300"))


class Case:
    def __init__(self, name, wire, expected, bodies=None):
        self.name, self.wire, self.expected, self.bodies = name, with_host(wire), expected, bodies


def with_host(wire):
    """No suite is about Host, which most leave out or empty: a 400 for its sake (RFC 9112 sections 3.2 and 3.3) would hide
    all else."""
    wire = re.sub(rb"(?i)(\r\nhost:)[ \t]*\r\n", rb"\1 h\r\n", wire)
    # A second request that is a request line alone.
    if b"content-length" not in wire.lower():
        wire = re.sub(rb"(\r\n\r\n[A-Z]+ \S+ HTTP/1\.1\r\n)(?=\r\n)", rb"\1Host: h\r\n", wire)
    empty, line, end, rest = re.fullmatch(rb"((?:\r\n)*)(.*?)(\r\n|$)(.*)", wire, re.S).groups()
    first = (line + end + rest).partition(b"\r\n\r\n")[0]
    if end and re.fullmatch(rb"\S+ \S+ HTTP/1\.1", line) and not re.search(rb"(?im)^host[ \t]*:", first):
        return empty + line + b"\r\nHost: h\r\n" + rest
    return wire


# What a server makes of bytes.


def talk(port, wire):
    """Everything that comes back after `wire` and the end of sending, and whether the server closed in time."""
    with socket.create_connection(("127.0.0.1", port), timeout=WAIT) as connection:
        received = b""
        try:
            connection.sendall(wire)
            connection.shutdown(socket.SHUT_WR)
            while piece := connection.recv(65536):
                received += piece
        except ConnectionError:
            pass
        except TimeoutError:
            return received, False
    return received, True


def responses(received, methods):
    """Status and body of each final response; None when they are not HTTP."""
    found = []
    while received:
        head, end, received = received.partition(b"\r\n\r\n")
        match = re.match(rb"HTTP/1\.1 (\d{3}) ", head)
        if not end or not match:
            return None
        status, fields = int(match[1]), dict(re.findall(rb"(?m)^([a-z-]+): (.*?)\r?$", head))
        if status < 200:
            continue
        is_head = len(found) < len(methods) and methods[len(found)] == b"HEAD"
        body = b""
        if is_head or status in (204, 304):
            pass
        elif fields.get(b"transfer-encoding") == b"chunked":
            while True:
                line, end, received = received.partition(b"\r\n")
                if not end:
                    return None
                size = int(line, 16)
                body, received = body + received[:size], received[size + 2 :]
                if size == 0:
                    break
        elif b"content-length" in fields:
            length = int(fields[b"content-length"])
            body, received = received[:length], received[length:]
        else:
            body, received = received, b""
        found.append((status, body))
    return found


def outcome(port, case):
    """What became of a case: accept, refuse, incomplete, or what else, in words."""
    received, has_closed = talk(port, case.wire)
    if not has_closed:
        return "the connection stays open after the end of its input"
    methods = [case.wire.lstrip(b"\r\n").split(b" ")[0]]
    got = responses(received, methods)
    if got is None:
        return f"not HTTP: {received[:60]!r}"
    if not got:
        return "incomplete"
    if got[-1][0] >= 500 and got[-1][0] not in (501, 505):
        return f"status {got[-1][0]}"
    if got[-1][0] >= 400:
        # Requests before the bad one are answered as they are.
        return "refuse"
    if case.bodies is not None and [body for _, body in got] != case.bodies and methods != [b"HEAD"]:
        return f"other bodies: {[body[:40] for _, body in got]!r}"
    return "accept"


# The suites. Each gives cases for a folder that holds it, or nothing.


def scalar(text):
    text = text.strip()
    if text.startswith('"'):
        # YAML's escapes that are used here are Python's.
        return ast.literal_eval("b" + text) if text.isascii() else text[1:-1].encode()
    if text.startswith("'"):
        return text[1:-1].replace("''", "'").encode()
    return re.sub(r"\s+#.*$", "", text).encode()


def desync_guardian(folder):
    """http_desync_guardian: tests/*.yaml, a verdict for each head."""
    for path in sorted((folder / "tests").glob("*.yaml")):
        text = path.read_text(encoding="utf-8")
        parts = re.split(r"(?m)^- name:", text)[1:]
        for part in parts:
            lines = [line for line in part.split("\n") if not line.strip().startswith("#")]
            get = lambda key: next((scalar(m[1]) for line in lines if (m := re.match(rf"  {key}:(.*)", line))), b"")
            names, fields = scalar(lines[0]), []
            for line in lines[1:]:
                if m := re.match(r"    - name:(.*)", line):
                    fields.append([scalar(m[1]), b""])
                elif (m := re.match(r"      value:(.*)", line)) and fields:
                    fields[-1][1] = scalar(m[1])
            tier = re.search(r"(?m)^    tier:\s*(\w+)", part)
            if not tier:
                continue
            head = b" ".join([get("method"), get("uri"), get("version")]).rstrip() + b"\r\n"
            head += b"".join(name + b": " + value + b"\r\n" for name, value in fields) + b"\r\n"
            expected = {"Compliant": "accept", "Severe": "refuse"}.get(tier[1], "accept or refuse or incomplete")
            yield Case(f"{path.stem}: {names.decode('latin-1')}", head + body_for(fields), expected)


def body_for(fields):
    for name, value in fields:
        if name.lower() == b"transfer-encoding":
            return b"0\r\n\r\n"
    lengths = [value.strip() for name, value in fields if name.lower() == b"content-length"]
    return b"a" * min(int(lengths[0]), 5_000_000) if lengths and lengths[0].isdigit() else b""


def gunicorn(folder):
    """gunicorn: tests/requests/{valid,invalid}/*.http and the requests that it makes of the valid ones."""
    for path in sorted((folder / "tests/requests").glob("*/*.http")):
        expectation = path.with_suffix(".py").read_text()
        if re.search(r"cfg(\.set| *=)", expectation):
            continue  # it is about an option of theirs
        wire = path.read_bytes().replace(b"\n", b"").replace(b"\\r\\n", b"\r\n")
        for escape, byte in [(b"\\0", b"\0"), (b"\\n", b"\n"), (b"\\t", b"\t")]:
            wire = wire.replace(escape, byte)
        name = f"{path.parent.name}/{path.stem}"
        if path.parent.name == "invalid":
            yield Case(name, wire, "refuse")
            continue
        bodies = [ast.literal_eval(m) for m in re.findall(r"[\"']body[\"']:\s*(b(?:\"[^\"]*\"|'[^']*'))", expectation)]
        repeated = re.search(r"b\"[^\"]*\" *\*|b'[^']*' *\*|\.join", expectation)
        yield Case(name, wire, "accept", None if repeated else bodies)


def httparse(folder):
    """httparse: the heads in its tests, whole, partial or wrong."""
    for path in [folder / "src/lib.rs", folder / "tests/uri.rs"]:
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        for block in re.split(r"\breq! \{", text)[1:]:
            block = re.sub(r"(?m)^\s*//.*$", "", block)
            m = re.match(r'\s*(\w+),\s*(b"(?:[^"\\]|\\.)*"),\s*(Ok\((?:crate::)?Status::Partial\)|Err\([^)]*\))?', block, re.S)
            if not m:
                continue
            wire = ast.literal_eval(re.sub(r"\\\n\s*", "", m[2]))
            expected = "accept"
            if m[3]:
                expected = "incomplete or refuse" if "Partial" in m[3] else "refuse"
            yield Case(m[1], wire, expected)


def llhttp(folder):
    """llhttp: test/request/*.md, what its strict mode says."""
    for path in sorted((folder / "test/request").glob("*.md")):
        title = ""
        for block in re.finditer(r"(?ms)^#+ (.*?)$|<!-- meta=(\{.*?\}) -->\s*```http\n(.*?)```\s*```log\n(.*?)```", path.read_text()):
            if block[1] is not None:
                title = block[1]
                continue
            meta = json.loads(block[2])
            if meta["type"] != "request" or meta.get("mode", "strict") != "strict" or "pause" in block[4]:
                continue
            # As its own runner reads them: a line's end is CRLF, the block's own last one is not part of it.
            text = re.sub(r"\\\r?\n", "", block[3][:-1])
            text = re.sub(r"(?<!\\r)\n", "\r\n", text) if "\\n" not in text else text.replace("\n", "\r\n")
            wire = text.encode().decode("unicode_escape").encode("latin-1")
            complete = "message complete" in block[4]
            expected = "refuse" if "error code" in block[4] else "accept" if complete else "incomplete or refuse"
            yield Case(f"{path.stem}: {title}", wire, expected)


def smuggler(folder):
    """smuggler: configs/*.py, spellings of Transfer-Encoding beside a Content-Length, which must not be read as chunked."""

    class Payload:
        header = ""

    body = b"0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n"
    for path in sorted((folder / "configs").glob("*.py")):
        scope = {"mutations": {}, "Payload": Payload}
        exec(compile(path.read_text(), str(path), "exec"), scope)  # pylint: disable=exec-used
        for name, payload in scope["mutations"].items():
            head = payload.header
            for key, value in [("METHOD", "POST"), ("ENDPOINT", "/"), ("RANDOM", "1"), ("HOST", "h")]:
                head = head.replace(f"__{key}__", value)
            head = head.replace("__REPLACE_CL__", str(len(body)))
            yield Case(f"{path.stem}: {name}", head.encode("latin-1") + b"\r\n" + body, "accept or refuse", [body])


def own(folder):
    """This repository's: *.http in gunicorn's notation, below a line that says what is expected."""
    for path in sorted(folder.glob("*.http")):
        expected, _, wire = path.read_bytes().partition(b"\n")
        wire = wire.replace(b"\n", b"").replace(b"\\r\\n", b"\r\n").replace(b"\\n", b"\n")
        yield Case(path.stem, wire, expected.decode())


# A suite is known by a file of its own.
SUITES = {
    "http_desync_guardian": (desync_guardian, "tests/severe.yaml"),
    "gunicorn": (gunicorn, "tests/requests/valid"),
    "httparse": (httparse, "tests/uri.rs"),
    "llhttp": (llhttp, "test/request/invalid.md"),
    "smuggler": (smuggler, "configs/exhaustive.py"),
}


def fetch():
    """The folders of the suites that registries have, by their ordinary clients; what is fetched is not fetched again."""
    project = FETCHED / "crates"
    (project / "src").mkdir(parents=True, exist_ok=True)
    (project / "src/lib.rs").touch()
    dependencies = "".join(f'{name} = "={version}"\n' for name, (version, _) in CRATES.items())
    manifest = f'[package]\nname = "suites"\nversion = "0.0.0"\nedition = "2021"\n[workspace]\n[dependencies]\n{dependencies}'
    (project / "Cargo.toml").write_text(manifest)
    run(["cargo", "fetch", "--quiet", "--manifest-path", project / "Cargo.toml"])
    metadata = run(["cargo", "metadata", "--format-version", "1", "--manifest-path", project / "Cargo.toml"])
    lock = (project / "Cargo.lock").read_text()
    for package in json.loads(metadata)["packages"]:
        if package["name"] in CRATES:
            version, checksum = CRATES[package["name"]]
            if package["version"] != version or f'checksum = "{checksum}"' not in lock:
                sys.exit(f"{package['name']} is not what was pinned")
            yield package["name"], Path(package["manifest_path"]).parent
    for name, (version, checksum) in SDISTS.items():
        archive = FETCHED / f"{name}-{version}.tar.gz"
        if not archive.exists():
            pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:"]
            run([*pip, "--dest", FETCHED, f"{name}=={version}"])
        if hashlib.sha256(archive.read_bytes()).hexdigest() != checksum:
            sys.exit(f"{archive} is not what was pinned")
        with tarfile.open(archive) as tar:
            tar.extractall(FETCHED, filter="data")
        yield name, FETCHED / f"{name}-{version}"


def run(command):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=300, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}: {done.stderr}")
    return done.stdout


def found_below(folder):
    """What CONFORMANCE_DIR holds: a suite, or folders of suites."""
    for candidate in [folder, *sorted(path for path in folder.iterdir() if path.is_dir())]:
        for name, (_, mark) in SUITES.items():
            if (candidate / mark).exists():
                yield name, candidate


def deviations():
    """`suite | cases | section | reason` a line, the cases separated by semicolons."""
    known = {}
    for line in (HERE / "deviations.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            suite, cases, *why = [part.strip() for part in line.split(" | ")]
            if len(why) != 2:
                sys.exit(f"deviations.txt: {line}")
            known.update({(suite, case.strip()): why for case in cases.split("; ")})
    return known


def serve():
    program = os.environ.get("CONFORMANCE_SERVER")
    if not program:
        program = TARGET / "debug/examples/echo"
        run(["cargo", "build", "--quiet", "--example", "echo", "--manifest-path", ROOT / "Cargo.toml", "--target-dir", TARGET])
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    environment = {"PATH": os.environ["PATH"], "PORT": str(port), "FCRT_HOOKS": "off", "FCRT_LIFECYCLE_LINES": "off", "RUST_LOG": "off"}
    server = subprocess.Popen([program], env=environment, stdout=subprocess.DEVNULL)
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return server, port
        except OSError:
            if server.poll() is not None:
                break
            subprocess.run(["sleep", "0.05"], check=False)
    server.kill()
    sys.exit("the server does not start")


def main():
    if sys.argv[1:2] == ["--own"]:
        suites = [("own", own, Path(sys.argv[2]))]
    else:
        folders = list(fetch())
        if named := os.environ.get("CONFORMANCE_DIR"):
            folders += [(f"{name}", folder) for name, folder in found_below(Path(named))]
        suites = [(name, SUITES[name][0], folder) for name, folder in folders]
    known, unlisted, used = deviations(), 0, set()
    server, port = serve()
    rows = []
    try:
        for name, reader, folder in suites:
            counts = {"cases": 0, "passed": 0, "known": 0, "failed": 0}
            for case in reader(folder):
                counts["cases"] += 1
                got = outcome(port, case)
                if got in case.expected.split(" or "):
                    counts["passed"] += 1
                elif (name, case.name) in known:
                    counts["known"] += 1
                    used.add((name, case.name))
                else:
                    counts["failed"] += 1
                    print(f"{name} | {case.name} | expected: {case.expected}, found: {got} | {case.wire[:WIRE]!r}")
            if server.poll() is not None:
                sys.exit(f"{name}: the server has ended")
            if counts["cases"] == 0:
                sys.exit(f"{name}: no cases in {folder}")
            rows.append((name, *counts.values()))
            unlisted += counts["failed"]
    finally:
        server.terminate()
        server.wait(WAIT)
    judged = {name for name, *_ in rows}
    for suite, case in known:
        if suite in judged and (suite, case) not in used:
            print(f"{suite} | {case}: listed, and not a deviation any more")
            unlisted += 1
    print(f"\n{'suite':24}{'cases':>8}{'passed':>8}{'known':>8}{'failed':>8}")
    for name, *counts in rows:
        print(f"{name:24}" + "".join(f"{count:>8}" for count in counts))
    return 1 if unlisted else 0


if __name__ == "__main__":
    sys.exit(main())
