"""The outside of gantry-rackd: a CA, regions that speak the rack protocol, and fenced's end of descriptor 3."""
import contextlib
import json
import os
import pathlib
import queue
import signal
import socket
import ssl
import struct
import subprocess
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("GANTRY_BUILD") or ROOT / "build" / "debug")


def wait_for(what, condition, timeout_s=10):
    deadline = time.monotonic() + timeout_s
    while True:
        result = condition()
        if result:
            return result
        assert time.monotonic() < deadline, f"waited {timeout_s} s for {what}"
        time.sleep(0.02)


class Authority:
    """A cluster CA, made with openssl's command line."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.ca = self.folder / "ca.pem"
        self._openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
                      "-subj", "/O=test/CN=test CA", "-keyout", self.folder / "ca.key", "-out", self.ca)

    def _openssl(self, *argv):
        subprocess.run(["openssl", *map(str, argv)], check=True, capture_output=True)

    def issue(self, name, role):
        """(certificate, key): paths of a certificate for CN=name, OU=role."""
        certificate, key = self.folder / f"{name}-{role}.pem", self.folder / f"{name}-{role}.key"
        request = self.folder / "request.pem"
        self._openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                      "-subj", f"/O=test/OU={role}/CN={name}", "-keyout", key, "-out", request)
        self._openssl("x509", "-req", "-in", request, "-CA", self.ca, "-CAkey", self.folder / "ca.key",
                      "-CAcreateserial", "-days", "30", "-out", certificate)
        return certificate, key


class Refusal(Exception):
    def __init__(self, error, message):
        super().__init__(f"{error}: {message}")
        self.error, self.message = error, message


class Link:
    """A rack that is connected to a Region."""

    def __init__(self, region, stream):
        self.region, self.stream = region, stream
        self.lock, self.ids, self.waiting = threading.Lock(), 0, {}
        self.open = True

    def send(self, frame):
        body = json.dumps(frame).encode()
        with self.lock:
            self.stream.sendall(struct.pack(">I", len(body)) + body)

    def call(self, method, timeout_s=20, **params):
        self.ids += 1
        answer = self.waiting[self.ids] = queue.Queue()
        self.send({"type": "call", "id": self.ids, "method": method, "params": params})
        reply = answer.get(timeout=timeout_s)
        if not reply["ok"]:
            raise Refusal(reply["error"], reply["message"])
        return reply["result"]

    def note(self, method, **params):
        self.send({"type": "note", "method": method, "params": params})

    def _read(self, size):
        parts = b""
        while len(parts) < size:
            part = self.stream.recv(size - len(parts))
            if not part:
                raise ConnectionError
            parts += part
        return parts

    def run(self):
        try:
            while True:
                frame = json.loads(self._read(struct.unpack(">I", self._read(4))[0]))
                if frame["type"] == "reply":
                    self.waiting.pop(frame["id"]).put(frame)
                elif frame["type"] == "call":
                    self._answer(frame)
        except (OSError, ConnectionError, KeyError, ValueError):
            self.open = False

    def _answer(self, frame):
        method, params = frame["method"], frame["params"]
        if method != "ping":
            self.region.calls.append((method, params))
        if self.region.silent:
            return
        reply = {"type": "reply", "id": frame["id"], "ok": True}
        try:
            reply["result"] = self.region.answer(method, params)
        except Refusal as refusal:
            reply.update(ok=False, error=refusal.error, message=refusal.message)
        self.send(reply)

    def close(self):
        self.open = False
        try:
            self.stream.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.stream.close()


class Region:
    """Listens for racks; answers by `answers` {method: result or function of the params}."""

    def __init__(self, authority, name="region1", address="127.0.0.1"):
        self.name, self.links, self.calls, self.silent = name, [], [], False
        self.answers, self.regions = {"ping": {}, "interfaces": {}}, None
        self.socket = socket.create_server((address, 0))
        self.address, self.port = self.socket.getsockname()
        certificate, key = authority.issue(name, "region")
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.minimum_version = ssl.TLSVersion.TLSv1_3
        self.tls.load_cert_chain(certificate, key)
        self.tls.load_verify_locations(authority.ca)
        self.tls.verify_mode = ssl.CERT_REQUIRED
        threading.Thread(target=self._accept, daemon=True).start()

    def entry(self):
        return {"name": self.name, "address": self.address, "port": self.port}

    def _accept(self):
        while True:
            try:
                connection, _ = self.socket.accept()
                stream = self.tls.wrap_socket(connection, server_side=True)
            except ssl.SSLError:
                continue
            except OSError:
                return
            link = Link(self, stream)
            self.links.append(link)
            threading.Thread(target=link.run, daemon=True).start()

    def answer(self, method, params):
        if method == "hello" and "hello" not in self.answers:
            return {"region": self.name, "cluster": "test", "regions": self.regions or [self.entry()]}
        if method not in self.answers:
            raise Refusal("not found", f"no method {method}")
        result = self.answers[method]
        return result(params) if callable(result) else result

    @property
    def link(self):
        """The newest link that is up and has said hello."""
        up = [link for link in self.links if link.open]
        return up[-1] if up and any(method == "hello" for method, _ in self.calls) else None

    def close(self):
        if self.socket.fileno() >= 0:
            self.socket.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
            self.socket.close()
        for link in self.links:
            link.close()


class Rackd:
    """gantry-rackd, joined to these regions, with the other end of descriptor 3."""

    def __init__(self, folder, authority=None, regions=(), sets=(), join=True):
        self.folder = pathlib.Path(folder)
        self.data = self.folder / "data"
        (self.data / "tls").mkdir(parents=True, exist_ok=True)
        self.log = self.folder / "log"
        self.fence, self.process = None, None
        self.sets = [f"rack.data_dir={self.data}", f"rack.run_dir={self.folder}", "rack.name=rack1",
                     "health.address=127.0.0.1", f"health.port={free_port()}", "log.level=debug", *sets]
        if join:
            certificate, key = authority.issue("rack1", "rack")
            (self.data / "tls/rack.pem").write_bytes(certificate.read_bytes())
            (self.data / "tls/rack.key").write_bytes(key.read_bytes())
            (self.data / "tls/ca.pem").write_bytes(authority.ca.read_bytes())
            self.know(regions)

    @property
    def health_port(self):
        return next(int(s.split("=")[1]) for s in self.sets if s.startswith("health.port="))

    def know(self, regions):
        (self.data / "regions.json").write_text(json.dumps(
            {"name": "rack1", "system_id": "abc123", "regions": [region.entry() for region in regions]}))

    def start(self):
        self.fence, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        argv = [BUILD / "gantry-rackd"]
        for value in self.sets:
            argv += ["--set", value]
        config = self.folder / "rackd.conf"
        config.touch()

        def keep_link():
            os.dup2(theirs.fileno(), 3, inheritable=True)

        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([*argv, "--config", config], stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, preexec_fn=keep_link, close_fds=False,
                                            start_new_session=True)
        theirs.close()
        return self

    def text(self):
        return self.log.read_text(errors="replace")

    def stop(self, timeout_s=10):
        self.process.terminate()
        return self.process.wait(timeout_s)

    def kill(self):
        """SIGKILL to all of it, as gantry-fenced does with what a dead rackd left: HAProxy too."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def close(self):
        if self.process:
            self.kill()
        if self.fence:
            self.fence.close()


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]
