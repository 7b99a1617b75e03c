"""Runs the built gantry program against small stand-ins: a control socket and an HTTP endpoint."""
import http.server
import json
import os
import pathlib
import socket
import subprocess
import threading

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("GANTRY_BUILD") or ROOT / "build" / "debug")
KEY = "consumer1:token2:secret3"


class Gantry:
    """The program with a configuration folder of its own."""

    def __init__(self, folder):
        self.folder = folder
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "XDG_CONFIG_HOME": str(folder / "config"),
                            "GANTRY_SOCKET": str(folder / "regiond.sock")}
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS"):
            if name in os.environ:
                self.environment[name] = os.environ[name]

    def __call__(self, *argv, stdin=None, **environment):
        result = subprocess.run([BUILD / "gantry", *argv], env={**self.environment, **environment}, text=True,
                                capture_output=True, input=stdin, timeout=60, check=False)
        assert "Sanitizer" not in result.stderr, result.stderr
        return result


@pytest.fixture(name="gantry")
def make_gantry(tmp_path):
    return Gantry(tmp_path)


class Control:
    """Answers each connection to the control socket with the next of `answers` (bytes)."""

    def __init__(self, path):
        self.requests, self.answers = [], []
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen()
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while True:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            with peer:
                self.requests.append(json.loads(peer.makefile().readline()))
                for piece in self.answers.pop(0):
                    peer.sendall(piece)

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(5)


@pytest.fixture(name="control")
def make_control(gantry):
    control = Control(gantry.environment["GANTRY_SOCKET"])
    yield control
    control.close()


class Endpoint:
    """An HTTP server on loopback; `answers` maps "METHOD /path?query" to (status, type, bytes)."""

    def __init__(self, context=None):
        self.requests, self.answers = [], {}
        endpoint = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                endpoint.requests.append((self.command, self.path, dict(self.headers), body))
                found = endpoint.answers.get(f"{self.command} {self.path}", (404, "text/plain", b"Not Found"))
                status, kind, content = found(body) if callable(found) else found
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PUT = do_DELETE = answer

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        if context:
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/MAAS/"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def json(self, request, value, status=200):
        self.answers[request] = (status, "application/json; charset=utf-8", json.dumps(value).encode())

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(5)


@pytest.fixture(name="endpoint")
def make_endpoint():
    endpoint = Endpoint()
    endpoint.json("GET /MAAS/api/2.0/users/?op=whoami", {"username": "admin", "is_superuser": True})
    yield endpoint
    endpoint.close()
