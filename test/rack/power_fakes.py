"""Small stand-ins for BMCs that speak HTTP(S), for test_power_http.py alone: each keeps a machine's power and checks what it is
asked, as the protocol it stands for says. docs/operations.md names them."""
import base64
import http.server
import json
import re
import ssl
import subprocess
import threading
import urllib.parse


class Fake:
    """A server on loopback; subclasses answer in reply(method, path, query, headers, body) -> (status, body, headers)."""
    tls = False

    def __init__(self, folder, **options):
        self.power, self.asked, self.fault = "off", [], None
        self.__dict__.update(options)
        fake = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                path, _, query = self.path.partition("?")
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
                fake.asked.append((self.command, self.path, body))
                status, reply, headers = fake.fault or fake.reply(
                    self.command, urllib.parse.unquote(path), dict(urllib.parse.parse_qsl(query)), self.headers, body)
                reply = reply if isinstance(reply, bytes) else reply.encode() if isinstance(reply, str) else json.dumps(reply).encode()
                self.send_response(status)
                for name, value in {"Content-Length": str(len(reply)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(reply)
            do_GET = do_POST = do_PATCH = do_PUT = answer

            def log_message(self, *_):
                pass
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        if self.tls:
            self.certificate = certificate(folder, "bmc")
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*self.certificate)
            self.prepare_tls(context)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        self.address = f"127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def prepare_tls(self, context):
        pass

    def changes(self):
        """What was asked for but looks: a list of (method, path, body)."""
        return [call for call in self.asked if call[0] != "GET" and not call[1].endswith("/access/ticket")]

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def certificate(folder, name):
    """Files of a certificate that signed itself, and its key."""
    crt, key = folder / f"{name}.crt", folder / f"{name}.key"
    if not crt.exists():
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                        "-subj", f"/CN={name}", "-keyout", key, "-out", crt], check=True, capture_output=True)
    return crt, key


def basic(headers, user, password):
    return headers.get("Authorization") == "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


class Redfish(Fake):
    """DMTF DSP0266 as far as power needs it: one ComputerSystem with an ETag that changes at each write."""
    tls = True
    systems, slash, allowed, etag_in_body, conflicts = ["1"], False, ["On", "ForceOff", "ForceRestart"], True, 0
    boot, version = None, 1

    def reply(self, method, path, query, headers, body):
        if not basic(headers, "root", "s3cret:pw"):
            return 401, {"error": {"code": "Base.1.0.InsufficientPrivilege"}}, {}
        if self.slash and not path.endswith("/") and method == "GET":
            return 404, {}, {}
        path = path.rstrip("/")
        if path == "/redfish/v1/Systems":
            return 200, {"Members": [{"@odata.id": f"/redfish/v1/Systems/{name}" + "/" * self.slash} for name in self.systems]}, {}
        match = re.fullmatch(r"/redfish/v1/Systems/([^/]+)(/Actions/ComputerSystem.Reset)?", path)
        if not match or match[1] not in self.systems:
            return 404, {}, {}
        etag = f'W/"{self.version}"'
        if method == "GET":
            system = {"PowerState": self.power.capitalize(), "Actions": {"#ComputerSystem.Reset": {
                "target": f"{path}/Actions/ComputerSystem.Reset", "ResetType@Redfish.AllowableValues": self.allowed}}}
            if self.etag_in_body:
                system["@odata.etag"] = etag
            return 200, system, {"ETag": etag}
        if method == "PATCH":
            if self.conflicts:
                self.conflicts -= 1
                self.version += 1
            if headers.get("If-Match") != f'W/"{self.version}"':
                return 412, {}, {}
            self.version += 1
            self.boot = json.loads(body)["Boot"]
            return 200, {}, {}
        kind = json.loads(body)["ResetType"]
        if kind not in self.allowed or kind == "On" and self.power == "on":
            return 400, {}, {}
        self.power = "off" if kind == "ForceOff" else "on"
        return 204, "", {}


class Proxmox(Fake):
    """The Proxmox VE API as far as power needs it: a ticket or a token, one list of machines, start and stop."""
    tls = True
    others = [{"vmid": 7, "name": "other", "node": "pve2", "type": "lxc", "status": "running"}]

    def reply(self, method, path, query, headers, body):
        if path == "/api2/json/access/ticket":
            if dict(urllib.parse.parse_qsl(body)) != {"username": "root@pam", "password": "s3cret:pw"}:
                return 401, {"data": None}, {}
            return 200, {"data": {"ticket": "PVE:t", "CSRFPreventionToken": "csrf"}}, {}
        by_ticket = headers.get("Cookie") == "PVEAuthCookie=PVE:t" and (method == "GET" or headers.get("CSRFPreventionToken") == "csrf")
        if not by_ticket and headers.get("Authorization") != "PVEAPIToken=root@pam!maas=Geheim17":
            return 401, {"data": None}, {}
        if (method, path, query) == ("GET", "/api2/json/cluster/resources", {"type": "vm"}):
            status = {"on": "running", "off": "stopped"}[self.power]
            return 200, {"data": [*self.others, {"vmid": 100, "name": "vm a", "node": "pve1", "type": "qemu", "status": status}]}, {}
        match = re.fullmatch("/api2/json/nodes/pve1/qemu/100/status/(start|stop)", path)
        if method != "POST" or not match:
            return 501, {}, {}
        self.power = {"start": "on", "stop": "off"}[match[1]]
        return 200, {"data": "UPID:pve1:0"}, {}


class Lxd(Fake):
    """LXD's REST API as far as power needs it; a client certificate is wanted, and trusted after the password was told."""
    tls, trusted = True, True

    def prepare_tls(self, context):
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(self.client)

    def reply(self, method, path, query, headers, body):
        if path == "/1.0":
            return 200, {"metadata": {"auth": "trusted" if self.trusted else "untrusted"}}, {}
        if (method, path) == ("POST", "/1.0/certificates"):
            self.trusted = json.loads(body) == {"type": "client", "password": "Geheim17"}
            return (200 if self.trusted else 403), {}, {}
        if not self.trusted or query != {"project": "p 1"}:
            return 403, {}, {}
        if (method, path) == ("GET", "/1.0/instances/vm1"):
            return 200, {"metadata": {"status_code": {"on": 103, "off": 102}[self.power]}}, {}
        if (method, path) != ("PUT", "/1.0/instances/vm1/state"):
            return 404, {}, {}
        self.power = {"start": "on", "stop": "off"}[json.loads(body)["action"]]
        return 202, {"type": "async"}, {}


class Webhook(Fake):
    words = {"on": "status : running", "off": "status : stopped"}
    auth = None

    def reply(self, method, path, query, headers, body):
        if self.auth and headers.get("Authorization") != self.auth:
            return 401, "", {}
        assert headers.get("System_Id") == "xyz789"
        if method == "POST":
            self.power = path.strip("/")
            return 200, "", {}
        return 200, f'{{"x": 1}}\n{self.words[self.power]}\n', {}

    def parameters(self, **changes):
        base = f"http{'s' * self.tls}://{self.address}"
        return {"power_on_uri": f"{base}/on?token=Geheim17", "power_off_uri": f"{base}/off", "power_query_uri": f"{base}/query?t=Geheim17",
                **changes}
