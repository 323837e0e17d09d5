"""A small data set in ESC-50 layout as an archive, and a server of it that can misbehave."""

import contextlib
import io
import threading
import time
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TABLE = b"filename,fold,target,category\n1-1-A-0.wav,1,0,dog\n2-2-A-0.wav,2,0,dog\n"
SOUND = bytes(range(256)) * 400
CLIPS = ("1-1-A-0.wav", "2-2-A-0.wav")
OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
ENDLESS = {  # what comes first, what comes again and again, seconds between
    "drip": (OK + b"Content-Length: 200000\r\n\r\n", b"x", 0.02),
    "drip in chunks": (CHUNKED, b"1\r\nx\r\n", 0.02),
    "drip a header": (OK + b"Content-Type: ", b"x", 0.02),
    "flood": (OK + b"\r\n", bytes(1 << 20), 0),
    "flood in chunks": (CHUNKED, b"400\r\n" + bytes(1024) + b"\r\n", 0),
    "redirect": (b"HTTP/1.1 302 Found\r\nLocation: /b\r\n\r\n", bytes(999), 0.01),
}


def archive(top="ESC-50-33c8ce9/", extra=(), clips=CLIPS, packing=zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", packing) as file:
        file.writestr(f"{top}README.md", "readme")
        file.writestr(f"{top}LICENSE", "licence")
        file.writestr(f"{top}tests/test_x.py", "not taken")
        file.writestr(f"{top}meta/esc50.csv", TABLE)
        for clip in clips:
            file.writestr(f"{top}audio/{clip}", SOUND)
        for name, content in extra:
            file.writestr(name, content)
    return buffer.getvalue()


class Server:
    """Serves `body` on the loopback; `plan` holds what the next answers do instead."""

    def __init__(self):
        self.body, self.type = archive(), "application/zip"
        self.plan: list[str] = []
        self.seen: list[str] = []  # the path of each request
        self.closed = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                outer.answer(self)

            def log_message(self, *_):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/ESC-50.zip"
        threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True).start()

    def close(self):
        self.closed.set()
        self.http.shutdown()
        self.http.server_close()

    def answer(self, request):
        self.seen.append(request.path)
        deed = self.plan.pop(0) if self.plan else "serve"
        if deed.isdigit():
            return request.send_error(int(deed))
        if deed in ENDLESS:
            return self.go_on(request.wfile, *ENDLESS[deed])
        request.send_response(200)
        request.send_header("Content-Type", self.type)
        request.send_header("Content-Length", str(len(self.body)))
        request.end_headers()
        body = self.body[: len(self.body) // 2] if deed == "drop" else self.body
        step = 5000 if deed == "slow" else len(body)
        for begin in range(0, len(body), step):
            request.wfile.write(body[begin : begin + step])
            time.sleep(0.025 if deed == "slow" else 0)

    def go_on(self, file, head, piece, pause):
        """Send `head`, then `piece` again and again until the other side hangs up."""
        with contextlib.suppress(ConnectionError):
            file.write(head)
            while not self.closed.wait(pause):
                file.write(piece)
