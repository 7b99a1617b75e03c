"""A web server of a folder with images in the client's namespace, slow enough to see an import on its way."""
import contextlib
import http.server
import pathlib
import re
import threading
import time

from .members import inside

PIECE_BYTES, BYTES_PER_S = 1 << 20, 24 << 20


class Mirror:
    """`sent` is {(path, address of who asks): bytes}."""

    def __init__(self, plan, folder):
        self.folder, self.sent = pathlib.Path(folder), {}
        mirror = self

        class Answer(http.server.BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def do_GET(self):
                mirror.answer(self)

        self.server = inside(plan.client.netns, lambda: http.server.ThreadingHTTPServer((plan.client.address, 0), Answer))
        self.server.daemon_threads = True
        self.url = f"http://{plan.client.address}:{self.server.server_port}/"
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def answer(self, request):
        path = request.path.lstrip("/")
        file = (self.folder / path).resolve()
        if not file.is_relative_to(self.folder.resolve()) or not file.is_file():
            request.send_error(404)
            return
        given = re.fullmatch(r"bytes=(\d+)-", request.headers.get("Range") or "")
        first, size = int(given[1]) if given else 0, file.stat().st_size
        request.send_response(206 if given else 200)
        if given:
            request.send_header("Content-Range", f"bytes {first}-{size - 1}/{size}")
        request.send_header("Content-Length", str(size - first))
        request.end_headers()
        key = (path, request.client_address[0])
        with contextlib.suppress(OSError), open(file, "rb") as body:  # who asked may be gone
            body.seek(first)
            while piece := body.read(PIECE_BYTES):
                request.wfile.write(piece)
                self.sent[key] = self.sent.get(key, 0) + len(piece)
                time.sleep(len(piece) / BYTES_PER_S)

    def under_way(self, least_bytes):
        """(address of who has so much of a file, how much), ("", 0) = nobody."""
        return next(((address, sent) for (_, address), sent in list(self.sent.items()) if sent >= least_bytes), ("", 0))

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
