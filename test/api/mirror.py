"""A mirror of signed simplestreams over HTTP, on loopback: products are given, files are made up."""
import contextlib
import hashlib
import http.server
import json
import pathlib
import re
import subprocess
import threading


class Key:
    """An OpenPGP key of its own: `keyring` is its public half."""

    def __init__(self, folder):
        self.home = pathlib.Path(folder)
        self.home.mkdir(mode=0o700)
        self._gpg("--quick-generate-key", "mirror@example.com", "ed25519", "sign", "never")
        self.keyring = self._gpg("--export")
        self.armoured = self._gpg("--armor", "--export")

    def _gpg(self, *argv, stdin=None):
        return subprocess.run(["gpg", "--homedir", self.home, "--batch", "--passphrase", "", "--pinentry-mode", "loopback",
                               *argv], input=stdin, capture_output=True, check=True).stdout

    def sign(self, text):
        return self._gpg("--clearsign", "--digest-algo", "SHA512", stdin=text)

    def close(self):
        subprocess.run(["gpgconf", "--homedir", self.home, "--kill", "all"], check=False)


class Mirror:
    """`cut_after`: break off the next file there; `refuse`: names that are not found; `hold`: names of which one half comes
    before `gate` is set."""

    def __init__(self, folder, key, host="127.0.0.1"):
        self.folder, self.key = pathlib.Path(folder), key
        self.requests, self.products, self.cut_after, self.refuse, self.hold = [], {}, None, None, None
        self.gate = threading.Event()
        mirror = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def do_GET(self):
                mirror.answer(self)

        self.server = http.server.ThreadingHTTPServer((host, 0), Handler)
        self.url = f"http://{host}:{self.server.server_port}/images/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, request):
        path = request.path.removeprefix("/images/")
        self.requests.append((path, request.headers.get("Range")))
        file = self.folder / path
        if not request.path.startswith("/images/") or not file.is_file() or (self.refuse and re.search(self.refuse, path)):
            request.send_error(404)
            return
        body, first = file.read_bytes(), 0
        size = len(body)
        given = re.fullmatch(r"bytes=(\d+)-", request.headers.get("Range") or "")
        if given:
            first = int(given[1])
        request.send_response(206 if given else 200)
        if given:
            request.send_header("Content-Range", f"bytes {first}-{size - 1}/{size}")
        request.send_header("Content-Length", str(size - first))
        request.end_headers()
        body = body[first:]
        if self.cut_after is not None and not path.startswith("streams/") and len(body) > self.cut_after:
            body, self.cut_after = body[:self.cut_after], None
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            if self.hold and re.search(self.hold, path):
                half = len(body) // 2
                request.wfile.write(body[:half])
                self.gate.wait(60)
                body = body[half:]
            request.wfile.write(body)

    def add(self, name, version, files, **properties):
        """A version of a product: files = {"boot-kernel": bytes} or {"root": ("root-tgz", bytes)}."""
        items = {}
        for item, body in files.items():
            ftype, body = body if isinstance(body, tuple) else (item, body)
            path = f"{name.replace(':', '/')}/{version}/{item}"
            (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / path).write_bytes(body)
            items[item] = {"ftype": ftype, "path": path, "size": len(body), "sha256": hashlib.sha256(body).hexdigest()}
        product = self.products.setdefault(name, {"versions": {}})
        product.update(properties)
        product["versions"][version] = {"items": items}

    def publish(self, key=None):
        streams = self.folder / "streams" / "v1"
        streams.mkdir(parents=True, exist_ok=True)
        lists = {"images": {"format": "products:1.0", "content_id": "com.example:images", "products": self.products}}
        lists["index"] = {"format": "index:1.0", "index": {"com.example:images": {
            "datatype": "image-downloads", "format": "products:1.0", "path": "streams/v1/images.sjson",
            "products": sorted(self.products)}}}
        for name, value in lists.items():
            (streams / f"{name}.sjson").write_bytes((key or self.key).sign(json.dumps(value).encode()))

    def fetched(self):
        return [path for path, _ in self.requests if not path.startswith("streams/")]

    def close(self):
        self.gate.set()
        self.server.shutdown()
        self.server.server_close()
