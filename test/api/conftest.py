"""The region's HTTP on a temporary PostgreSQL (api_program), and a small client that speaks to its socket."""
import http.client
import json
import os
import pathlib
import socket
import subprocess
import tempfile
import urllib.parse
from email.generator import BytesGenerator
from email.mime.application import MIMEApplication
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from io import BytesIO

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("GANTRY_BUILD") or ROOT / "build" / "debug")


class Connection(http.client.HTTPConnection):
    def __init__(self, path, timeout=60):
        super().__init__("region.test:5240", timeout=timeout)
        self.socket_path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.socket_path)


class Reply:
    def __init__(self, response):
        self.status, self.headers, self.body = response.status, response.headers, response.read()

    @property
    def text(self):
        return self.body.decode()

    def json(self):
        return json.loads(self.body)

    def cookies(self):
        pairs = (value.split(";")[0].split("=", 1) for value in self.headers.get_all("Set-Cookie") or ())
        return dict(pairs)


def oauth_header(key):
    consumer, token, secret = key.split(":")
    fields = {"oauth_nonce": "81234", "oauth_timestamp": "1543948871", "oauth_version": "1.0",
              "oauth_signature_method": "PLAINTEXT", "oauth_consumer_key": consumer, "oauth_token": token,
              "oauth_signature": "%26" + secret}
    return 'OAuth realm="MAAS API", ' + ", ".join(f'{name}="{value}"' for name, value in fields.items())


def cli_multipart(params):
    """A body as MAAS's CLI writes it: every part in base64, boundary quoted, no final line end."""
    message = MIMEMultipart("form-data")
    for name, value in params:
        if isinstance(value, bytes):
            part = MIMEApplication(value)
            part.add_header("Content-Disposition", "form-data", name=name, filename=name)
        else:
            part = MIMEText(value, "plain", "utf-8")
            part.add_header("Content-Disposition", "form-data", name=name)
        message.attach(part)
    buffer = BytesIO()
    generator = BytesGenerator(buffer, False)
    generator._write_headers = lambda message: None if message.is_multipart() else BytesGenerator._write_headers(generator, message)
    generator.flatten(message)
    body = b"\r\n".join(buffer.getvalue().lstrip(b"\n").splitlines())
    return message["Content-Type"].replace("\n", ""), body


class Client:
    """Requests as one user: `key` "a:b:c", or None for nobody."""

    def __init__(self, path, key=None):
        self.path, self.key = path, key

    def request(self, method, path, body=None, headers=None):
        headers = dict(headers or {})
        if self.key and "Authorization" not in headers:
            headers["Authorization"] = oauth_header(self.key)
        connection = Connection(self.path)
        try:
            full = path if path.startswith(("/MAAS", "/images", "/blobs")) else "/MAAS/api/2.0/" + path
            connection.request(method, full, body=body, headers=headers)
            return Reply(connection.getresponse())
        finally:
            connection.close()

    def get(self, path, **params):
        query = urllib.parse.urlencode(params, doseq=True)
        return self.request("GET", path + (("&" if "?" in path else "?") + query if query else ""))

    def post(self, path, headers=None, **params):
        """Urlencoded, as Go's clients do."""
        headers = {"Content-Type": "application/x-www-form-urlencoded", **(headers or {})}
        return self.request("POST", path, urllib.parse.urlencode(params, doseq=True), headers)

    def put(self, path, **params):
        return self.request("PUT", path, urllib.parse.urlencode(params, doseq=True),
                            {"Content-Type": "application/x-www-form-urlencoded"})

    def delete(self, path):
        return self.request("DELETE", path)

    def cli(self, path, *params, method="POST"):
        kind, body = cli_multipart(params)
        return self.request(method, path, body, {"Content-Type": kind, "MIME-Version": "1.0"})


class Api:
    """The program: started once for all tests of a module; beside another one, on its database, as one region more."""

    def __init__(self, *argv, beside=None, **environment):
        if beside:
            environment.update(GANTRY_CONNINFO=beside.conninfo, GANTRY_RING=beside.ring)
        self.said = ""  # on stderr, once it has ended
        self.words = tempfile.TemporaryFile("w+", errors="replace")  # those of a sanitizer, above all
        self.program = subprocess.Popen([BUILD / "api_program", *argv], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=self.words, text=True, env={**os.environ, **environment})
        line = self.program.stdout.readline()
        if not line:
            self.close()  # which shows its words
        ready = json.loads(line)
        self.path, self.conninfo, self.ring = ready["socket"], ready["conninfo"], ready["ring"]
        self.key = beside.key if beside else ready["key"]
        self.blobs = pathlib.Path(ready["blobs"])
        self.admin, self.nobody = Client(self.path, self.key), Client(self.path)

    def order(self, line):
        self.program.stdin.write(line + "\n")
        self.program.stdin.flush()
        assert self.program.stdout.readline() == "ok\n"

    def rack(self, method, **params):
        """What a region answers to a call of rack1 (system_id rck001)."""
        self.program.stdin.write(f"rack {method} {json.dumps(params)}\n")
        self.program.stdin.flush()
        return json.loads(self.program.stdout.readline())

    def sql(self, statement):
        result = subprocess.run(["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", self.conninfo, "-c", statement], text=True,
                                capture_output=True, check=True)
        return result.stdout.strip()

    def user(self, name, password="secret", superuser="0"):
        """A client of a new user."""
        reply = self.admin.post("users/", username=name, email=name + "@example.com", password=password,
                                is_superuser=superuser)
        assert reply.status == 200, reply.text
        token = self.nobody.post("/MAAS/accounts/authenticate/", username=name, password=password).json()
        return Client(self.path, ":".join(token[part] for part in ("consumer_key", "token_key", "token_secret")))

    def close(self):
        self.program.stdin.close()
        status = self.program.wait(timeout=60)
        with self.words:
            self.words.seek(0)
            self.said = self.words.read()
        assert status == 0, f"{status}: {self.said[-20000:]}"


IMAGE_SHA256 = "ab" * 32


def make_images(folder, *more):
    """A folder of built-in images whose one image is Debian's, and more files of its manifest."""
    image = {"file": "debian.ext4.zst", "kind": "root-image", "os": "debian", "release": "bookworm", "architecture": "amd64",
             "form": "raw.zst", "size": 7}
    files = [{"sha256": IMAGE_SHA256, **file} for file in (image, *more)]
    (folder / "manifest.json").write_text(json.dumps({"manifest_version": 1, "files": files}))
    return str(folder)


def api_that_deploys(folder):
    """For a fixture: an Api with the worker that carries out operations, and an image to deploy; no limits of time."""
    program = Api(GANTRY_WORKER="1", GANTRY_IMAGES=make_images(folder))
    for name, value in (("default_osystem", "debian"), ("default_distro_series", "bookworm"), ("node_timeout", "0")):
        assert program.admin.post("maas/?op=set_config", name=name, value=value).status == 200
    yield program
    program.close()


@pytest.fixture(scope="module")
def api():
    program = Api()
    yield program
    program.close()
