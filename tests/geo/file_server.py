"""A server of one file that speaks ranges, ETags and redirects, and fails when told to."""

from __future__ import annotations

import hashlib
import re
import threading
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class FileServer:
    """What is served, how, and what was asked."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.has_ranges = True
        self.weak_etag = False
        self.has_version = True
        self.kind = "image/tiff"
        self.faults: list[object] = []  # a status, ("cut", n bytes), "wrong range"
        self.asked: list[dict[str, str]] = []
        self.root = ""

    @property
    def etag(self) -> str:
        return ("W/" if self.weak_etag else "") + f'"{hashlib.md5(self.content).hexdigest()}"'

    @property
    def url(self) -> str:
        return f"{self.root}/data/file.tif"


def make_handler(files: FileServer):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            files.asked.append({"path": self.path, **dict(self.headers)})
            if self.path.startswith("/moved"):
                self.reply(302, b"", {"Location": files.url})
                return
            if self.path.startswith("/loop"):
                self.reply(302, b"", {"Location": f"{files.root}/loop"})
                return
            if self.path.startswith("/local"):
                self.reply(302, b"", {"Location": "file:///etc/hostname"})
                return
            fault = files.faults.pop(0) if files.faults else None
            if isinstance(fault, int):
                self.reply(fault, b"<html>sorry</html>", {"Retry-After": "2"})
                return
            self.send_file(fault)

        def send_file(self, fault) -> None:
            content, start = files.content, 0
            headers = {"Content-Type": files.kind}
            if files.has_version:
                headers |= {
                    "ETag": files.etag,
                    "Last-Modified": "Mon, 01 Jun 2026 00:00:00 GMT",
                }
            asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
            same = self.headers.get("If-Range") in {files.etag, headers.get("Last-Modified")}
            if asked and files.has_ranges and same:
                start = int(asked[1])
                if start >= len(content):
                    self.reply(416, b"", {"Content-Range": f"bytes */{len(content)}"})
                    return
                told = start + 1 if fault == "wrong range" else start
                headers["Content-Range"] = f"bytes {told}-{len(content) - 1}/{len(content)}"
            body = content[start:]
            sent = body[: fault[1]] if isinstance(fault, tuple) else body
            self.reply(206 if start else 200, sent, headers, promise=len(body))
            if len(sent) < len(body):
                self.close_connection = True

        def reply(self, code, body, headers, promise=None) -> None:
            self.send_response(code)
            for key, value in headers.items():
                self.send_header(key, value)
            self.send_header("Content-Length", str(len(body) if promise is None else promise))
            self.end_headers()
            with suppress(ConnectionError):  # whoever asked has heard enough
                self.wfile.write(body)

        def log_message(self, *_):
            pass

    return Handler


@contextmanager
def serve(content: bytes):
    """Serve the content on this machine while the block runs."""
    files = FileServer(content)
    server = ThreadingHTTPServer(("127.0.0.1", 0), make_handler(files))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    files.root = f"http://127.0.0.1:{server.server_port}"
    try:
        yield files
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
