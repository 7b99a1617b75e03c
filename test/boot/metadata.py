"""The region as the agent sees it: a small HTTP server that answers as docs/inventory.md says and keeps every request.

`faults` maps (method, path without query) to a list of what to do with the next requests instead: a status, or
"lost" (carry it out, then cut the connection).
"""
import email.parser
import email.policy
import http.server
import json
import pathlib
import socket
import threading
import urllib.parse

KEY = {"consumer_key": "Kconsumer", "token_key": "Ktoken", "token_secret": "Ksecret"}
SYSTEM_ID = "4y3h7n"
SCRIPT = "20-maas-03-machine-resources"


class Request:
    def __init__(self, method, target, headers, body):
        self.method, self.headers, self.body = method, headers, body
        self.path, _, query = target.partition("?")
        self.query = dict(urllib.parse.parse_qsl(query))

    def form(self):
        assert self.headers["Content-Type"] == "application/x-www-form-urlencoded"
        return dict(urllib.parse.parse_qsl(self.body.decode(), strict_parsing=True))

    def parts(self):
        """{name: (file name or None, content type, bytes)} of a multipart body."""
        head = b"Content-Type: " + self.headers["Content-Type"].encode() + b"\r\n\r\n"
        message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + self.body)
        assert message.is_multipart() and not message.defects
        return {part.get_param("name", header="content-disposition"):
                (part.get_filename(), part.get_content_type(), part.get_payload(decode=True))
                for part in message.iter_parts()}

    def text_parts(self):
        return {name: body.decode() for name, (filename, _, body) in self.parts().items() if filename is None}


class Region:
    def __init__(self, files=None):
        self.files = files  # folder served at /images/
        self.requests, self.faults, self.servers = [], {}, []
        self.registered, self.known = set(), False  # known: the first preseed holds the key already
        self.machines, self.texts = [], {}  # texts: path -> answer instead
        self.task = {"task": "enlist", "end": "poweroff", "system_id": SYSTEM_ID}
        self.cuts, self.ranges = {}, []  # path -> where its next transfer breaks; (path, first byte) of each
        self.on_netboot_off = None  # called when a machine says that it boots its own disk from now on
        self.changed = threading.Condition()
        self.failure = None

    def listen(self, address, port):
        region = self

        class Server(http.server.ThreadingHTTPServer):
            def handle_error(self, *_):
                """A client that went away: no failure. What a test asserts is kept in answer()."""

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                region.answer(self)

            do_GET = do_POST = do_HEAD = answer

            def log_message(self, *_):
                pass

        server = Server((address, port), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.servers.append(server)
        self.base = f"http://{address}:{server.server_port}/MAAS/"

    def close(self):
        for server in self.servers:
            server.shutdown()
            server.server_close()

    # -- what it says

    def preseed(self, with_key):
        key = "".join(f"    {name}: {value}\n" for name, value in KEY.items()) if with_key else ""
        return f"#cloud-config\ndatasource:\n  MAAS:\n    metadata_url: {self.base}metadata/\n{key}"

    def enlist_url(self):
        return self.base + "metadata/latest/enlist-preseed/?op=get_enlist_preseed"

    def reply(self, request):
        """(status, content type, text)."""
        where = (request.method, request.path)
        if request.path in self.texts:
            return 200, "text/plain", self.texts[request.path]
        if where == ("GET", "/MAAS/metadata/latest/enlist-preseed/") and request.query["op"] == "get_enlist_preseed":
            return 200, "text/plain", self.preseed(self.known)
        if where == ("GET", "/MAAS/api/2.0/machines/") and request.query["op"] == "is_registered":
            return 200, "application/json", json.dumps(request.query["mac_address"] in self.registered)
        if where == ("POST", "/MAAS/api/2.0/machines/"):
            form = request.form()
            if form not in self.machines:
                self.machines.append(form)
            return 200, "application/json", json.dumps({"system_id": SYSTEM_ID, "hostname": "happy-hippo"})
        if where == ("GET", f"/MAAS/metadata/latest/by-id/{SYSTEM_ID}/") and request.query["op"] == "get_preseed":
            return 200, "text/plain", self.preseed(True)
        if where == ("POST", "/MAAS/metadata/2012-03-01/"):
            return self.signal(request)
        if where == ("GET", "/MAAS/metadata/2012-03-01/gantry/task"):
            return self.with_key(request, "application/json", json.dumps(self.task))
        if where == ("GET", "/MAAS/metadata/2012-03-01/maas-scripts"):
            return (204, "text/plain", "") if self.has_key(request) else (401, "text/plain", "Unauthorized")
        if where == ("POST", f"/MAAS/metadata/status/{SYSTEM_ID}"):
            return self.with_key(request, "text/plain", "")
        what = self.meta_data.get(request.path.removeprefix("/MAAS/metadata/2012-03-01/"))
        if what is not None and request.method == "GET":
            return self.with_key(request, "text/plain", what)
        return 404, "text/plain", "Not Found"

    meta_data = {"meta-data/instance-id": SYSTEM_ID, "meta-data/local-hostname": "happy-hippo.maas",
                 "meta-data/public-keys": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBIY87mFdJhxQEHyEp8AaTFXANTmpWS1zXIJqPvRNyaT somebody",
                 "user-data": "#cloud-config\nruncmd: [[sh, -c, 'echo user-data ran on $(hostname) >/dev/console']]\n"}

    def with_key(self, request, kind, text):
        return (200, kind, text) if self.has_key(request) else (401, "text/plain", "Unauthorized")

    def has_key(self, request):
        header = request.headers["Authorization"]
        assert header.startswith("OAuth ")
        fields = dict(item.strip().split("=", 1) for item in header[6:].split(","))
        fields = {name: urllib.parse.unquote(value.strip('"')) for name, value in fields.items()}
        assert fields["oauth_signature_method"] == "PLAINTEXT" and fields["oauth_version"] == "1.0"
        return (fields["oauth_consumer_key"], fields["oauth_token"]) == (KEY["consumer_key"], KEY["token_key"]) and \
            fields["oauth_signature"] == "&" + KEY["token_secret"]

    def signal(self, request):
        assert request.text_parts()["op"] in ("signal", "netboot_off")
        if request.text_parts()["op"] == "netboot_off" and self.on_netboot_off:
            self.on_netboot_off()
        return self.with_key(request, "text/plain", "OK")

    def events(self):
        """[(name, "start" or result)] of the status webhook, in their order."""
        found = [json.loads(request.body) for request in list(self.requests)
                 if request.path.startswith("/MAAS/metadata/status/")]
        return [(event["name"], event.get("result", "start")) for event in found]

    def signals(self):
        return [request for request in list(self.requests)
                if request.path == "/MAAS/metadata/2012-03-01/" and request.method == "POST"]

    def ended(self):
        return any(request.text_parts().get("status") in ("OK", "FAILED") for request in self.signals())

    def inventory(self):
        """The JSON of the first signal that carries one, its other parts checked."""
        signal = next(request for request in self.signals() if SCRIPT in request.parts())
        parts, texts = signal.parts(), signal.text_parts()
        assert parts[SCRIPT][:2] == (SCRIPT, "application/json")
        assert texts["status"] == "WORKING" and texts["name"] == SCRIPT and texts["exit_status"] == "0"
        assert 0 <= float(texts["runtime"]) < 60
        return json.loads(parts[SCRIPT][2])

    # -- how it says it

    def answer(self, http_request):
        if http_request.path.startswith("/images/") or http_request.path.startswith("/boot/"):
            self.send_file(http_request)
            return
        body = http_request.rfile.read(int(http_request.headers["Content-Length"] or 0))
        request = Request(http_request.command, http_request.path, http_request.headers, body)
        fault = (self.faults.get((request.method, request.path)) or [None]).pop(0)
        try:
            status, kind, text = (fault, "text/plain", "fault") if isinstance(fault, int) else self.reply(request)
        except Exception as error:  # an assertion on a server's thread must reach the test
            self.failure = error
            raise
        with self.changed:
            self.requests.append(request)
            self.changed.notify_all()
        if fault == "lost":
            http_request.close_connection = True
            http_request.connection.shutdown(socket.SHUT_RDWR)
            return
        http_request.send_response(status)
        http_request.send_header("Content-Type", kind)
        http_request.send_header("Content-Length", str(len(text)))
        http_request.end_headers()
        http_request.wfile.write(text.encode())

    def send_file(self, http_request):
        """A file, from the first byte of a Range on; cut off once after cuts[path] bytes."""
        path = pathlib.Path(self.files, http_request.path.split("/", 2)[2])
        if not path.is_file():
            http_request.send_response(404)
            http_request.send_header("Content-Length", "0")
            http_request.end_headers()
            return
        body, wanted = path.read_bytes(), http_request.headers.get("Range")
        first = int(wanted.removeprefix("bytes=").split("-")[0]) if wanted else 0
        self.ranges.append((http_request.path, first))
        http_request.send_response(206 if wanted else 200)
        http_request.send_header("Content-Length", str(len(body) - first))
        if wanted:
            http_request.send_header("Content-Range", f"bytes {first}-{len(body) - 1}/{len(body)}")
        http_request.end_headers()
        if http_request.command == "GET":
            cut = self.cuts.pop(http_request.path, None)
            http_request.wfile.write(body[first:cut])
            if cut is not None:
                http_request.close_connection = True
                http_request.connection.shutdown(socket.SHUT_RDWR)

    def wait(self, condition, timeout_s):
        with self.changed:
            done = self.changed.wait_for(lambda: self.failure or condition(), timeout_s)
        if self.failure:
            raise self.failure
        return done
