"""A web server that misbehaves on request: the first part of a path names the fault, the last the file."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote


class FaultServer:
    """Serves `files` under `<url>/<fault>/<name>`; counts requests and bytes, so that tests can look behind.

    Faults: `ok`, `norange` (ignores Range), `html403`, `html200`, `error500`, `truncated` (closes after half of
    what it promised), `nolength` (half the body and no length), `wrong` (same length, other bytes), `drip` (a byte
    every 0.05 s), `silent` (accepts and says nothing), `reset` (at half of what is left), `reset_once`,
    `reset_often` (after each 70,000 bytes), `reset_norange`, `redirect` (to ok), `loop` (to itself), `flaky` (503
    once, then ok), `endless`, `slow` (4 kB every 0.01 s, no Range), `slowrange` (the same, with Range), `badrange`
    (a 206 that starts elsewhere).
    """

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.requests: Counter[str] = Counter()
        self.ranges: list[str | None] = []
        self.sent = 0
        self.done = threading.Event()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"owner": self}))
        self.server.daemon_threads = True
        self.thread = threading.Thread(
            target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        self.thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def close(self) -> None:
        self.done.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(5)


class _Handler(BaseHTTPRequestHandler):
    owner: FaultServer
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments: object) -> None:
        pass

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except (ConnectionError, TimeoutError):
            self.close_connection = True

    def do_GET(self) -> None:
        fault, _, name = unquote(self.path).strip("/").rpartition("/")
        owner = self.owner
        owner.requests[fault] += 1
        owner.ranges.append(self.headers.get("Range"))
        body = owner.files.get(name)
        if body is None:
            self.answer(404, b"<html>no such file</html>", kind="text/html")
        else:
            getattr(self, f"serve_{fault}")(body, name)

    def answer(
        self, code: int, body: bytes, *, length: int | None = -1, kind: str = "application/zip", **more: str
    ):
        self.send_response(code)
        self.send_header("Content-Type", kind)
        for key, value in more.items():
            self.send_header(key.replace("_", "-"), value)
        if length is not None:
            self.send_header("Content-Length", str(len(body) if length == -1 else length))
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        self.send(body)

    def send(self, body: bytes) -> None:
        self.owner.sent += len(body)  # first, or a test could look before we have counted
        self.wfile.write(body)

    def start(self, body: bytes) -> int:
        text = self.headers.get("Range")
        return int(text.removeprefix("bytes=").rstrip("-")) if text else 0

    def serve_ok(self, body: bytes, name: str) -> None:
        start = self.start(body)
        if start >= len(body) and start:
            self.answer(416, b"", Content_Range=f"bytes */{len(body)}")
        elif start:
            self.answer(206, body[start:], Content_Range=f"bytes {start}-{len(body) - 1}/{len(body)}")
        else:
            self.answer(200, body)

    def serve_norange(self, body: bytes, name: str) -> None:
        self.answer(200, body)

    def serve_html403(self, body: bytes, name: str) -> None:
        self.answer(403, b"<html>Forbidden</html>", kind="text/html")

    def serve_html200(self, body: bytes, name: str) -> None:
        self.answer(200, b"<html>Please log in</html>", kind="text/html; charset=utf-8")

    def serve_error500(self, body: bytes, name: str) -> None:
        self.answer(500, b"oops", kind="text/plain")

    def serve_flaky(self, body: bytes, name: str) -> None:
        if self.owner.requests["flaky"] == 1:
            self.answer(503, b"later", kind="text/plain")
        else:
            self.serve_ok(body, name)

    def serve_truncated(self, body: bytes, name: str) -> None:
        self.answer(200, body[: len(body) // 2], length=len(body))

    def serve_nolength(self, body: bytes, name: str) -> None:
        self.answer(200, body[: len(body) // 2], length=None)

    def serve_wrong(self, body: bytes, name: str) -> None:
        self.answer(200, bytes(255 - byte for byte in body))

    def serve_badrange(self, body: bytes, name: str) -> None:
        if self.start(body):
            self.answer(206, body[7:], Content_Range=f"bytes 7-{len(body) - 1}/{len(body)}")
        else:
            self.answer(200, body)

    def serve_redirect(self, body: bytes, name: str) -> None:
        self.answer(302, b"", Location=f"/ok/{name}")

    def serve_loop(self, body: bytes, name: str) -> None:
        self.answer(302, b"", Location=f"/loop/{name}")

    def serve_silent(self, body: bytes, name: str) -> None:
        self.owner.done.wait(30)

    def serve_drip(self, body: bytes, name: str) -> None:
        self.answer(200, b"", length=len(body))
        for byte in body:
            self.send(bytes([byte]))
            if self.owner.done.wait(0.05):
                return

    def serve_endless(self, body: bytes, name: str) -> None:
        self.answer(200, b"", length=None)
        while not self.owner.done.is_set():
            self.send(bytes(1 << 16))

    def serve_slow(self, body: bytes, name: str) -> None:
        self.answer(200, b"", length=len(body))
        self.trickle(body)

    def serve_slowrange(self, body: bytes, name: str) -> None:
        start = self.start(body)
        more = {"Content_Range": f"bytes {start}-{len(body) - 1}/{len(body)}"} if start else {}
        self.answer(206 if start else 200, b"", length=len(body) - start, **more)
        self.trickle(body[start:])

    def trickle(self, body: bytes) -> None:
        for i in range(0, len(body), 4096):
            self.send(body[i : i + 4096])
            time.sleep(0.01)

    def serve_reset_often(self, body: bytes, name: str) -> None:
        if self.start(body) + 70_000 < len(body):
            self.serve_reset(body, name, give=70_000)
        else:
            self.serve_ok(body, name)

    def serve_reset(self, body: bytes, name: str, give: int | None = None) -> None:
        start = self.start(body)
        rest = body[start:]
        more = {"Content_Range": f"bytes {start}-{len(body) - 1}/{len(body)}"} if start else {}
        self.answer(206 if start else 200, rest[: give or len(rest) // 2], length=len(rest), **more)
        self.reset()

    def serve_reset_once(self, body: bytes, name: str) -> None:
        (self.serve_reset if self.owner.requests["reset_once"] == 1 else self.serve_ok)(body, name)

    def serve_reset_norange(self, body: bytes, name: str) -> None:
        self.answer(200, body[: len(body) // 2], length=len(body))
        self.reset()

    def reset(self) -> None:
        time.sleep(0.05)  # let the bytes get through before the reset overtakes them
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
