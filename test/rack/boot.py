"""boot_program (TFTP and HTTP boot without a rack), clients for it, and a link that loses packets."""
import contextlib
import json
import os
import pathlib
import random
import select
import socket
import struct
import subprocess
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("GANTRY_BUILD") or ROOT / "build" / "debug")
SERVER, CLIENT = "10.99.0.1", "10.99.0.2"


def run(*argv, **options):
    return subprocess.run([str(word) for word in argv], capture_output=True, timeout=120, **options)


class Network:
    """Two namespaces with a cable of 1500 bytes between them: `server` and `client`."""

    def __init__(self, name):
        self.server, self.client = f"{name}-server", f"{name}-client"
        for netns in (self.server, self.client):
            self._ip("netns", "add", netns)
            self._ip("-n", netns, "link", "set", "lo", "up")
        self._ip("-n", self.server, "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", self.client)
        for netns, address in ((self.server, SERVER), (self.client, CLIENT)):
            self._ip("-n", netns, "addr", "add", f"{address}/24", "dev", "eth0")
            self._ip("-n", netns, "link", "set", "eth0", "up")

    @staticmethod
    def _ip(*argv):
        subprocess.run(["ip", *argv], check=True)

    def on_client(self, *argv):
        return ["ip", "netns", "exec", self.client, *map(str, argv)]

    def close(self):
        for netns in (self.server, self.client):
            subprocess.run(["ip", "netns", "del", netns], check=False)


class BootProgram:
    def __init__(self, folder, address="127.0.0.1", ports=(0, 0), netns=None):
        self.folder, self.address = pathlib.Path(folder), address
        self.boot, self.region = self.folder / "boot", self.folder / "region"
        for path in (self.boot, self.region):
            path.mkdir(parents=True, exist_ok=True)
        prefix = ["ip", "netns", "exec", netns] if netns else []
        self.program = subprocess.Popen(
            [*prefix, BUILD / "boot_program", self.folder, address, *map(str, ports)], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=open(self.folder / "log", "ab"), text=True)
        ready = json.loads(self.program.stdout.readline())
        self.tftp, self.http = ready["tftp"], ready["http"]

    def counts(self):
        self.program.stdin.write("counts\n")
        self.program.stdin.flush()
        return json.loads(self.program.stdout.readline())

    def url(self, path):
        return f"http://{self.address}:{self.http}/{path}"

    def close(self):
        self.program.stdin.close()
        try:
            assert self.program.wait(timeout=20) == 0, (self.folder / "log").read_text()
        finally:
            self.program.kill()


class TftpError(Exception):
    def __init__(self, code, text):
        super().__init__(f"{code}: {text}")
        self.code, self.text = code, text


class Tftp:
    """A client that says exactly what a test wants said."""

    def __init__(self, port, address="127.0.0.1", timeout_s=5):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.settimeout(timeout_s)
        self.port, self.address, self.peer, self.packets = port, address, None, 0

    def ask(self, name, kind=1, mode="octet", raw=None, **options):
        words = [name if isinstance(name, bytes) else name.encode(), mode.encode()]
        for key, value in options.items():
            words += [key.encode(), str(value).encode()]
        self.socket.sendto(raw if raw is not None else struct.pack(">H", kind) + b"\0".join(words) + b"\0",
                           (self.address, self.port))

    def receive(self):
        packet, self.peer = self.socket.recvfrom(70000)
        self.packets += 1
        kind, number = struct.unpack(">HH", packet[:4])
        if kind == 5:
            raise TftpError(number, packet[4:-1].decode())
        return kind, number, packet[4:] if kind == 3 else packet[2:]

    def acknowledge(self, number):
        self.socket.sendto(struct.pack(">HH", 4, number & 0xffff), self.peer)

    def get(self, name, **options):
        """The file, as RFC 7440 wants it received, and the options that were acknowledged."""
        self.ask(name, **options)
        answer, content, last, window, since = {}, [], 0, 1, 0
        kind, number, rest = self.receive()
        if kind == 6:
            words = rest[:-1].split(b"\0")
            answer = {key.decode(): int(value) for key, value in zip(words[::2], words[1::2])}
            window = answer.get("windowsize", 1)
            self.acknowledge(0)
            kind, number, rest = self.receive()
        size = answer.get("blksize", 512)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if kind == 3 and number == (last + 1) & 0xffff:
                content.append(rest)
                last, since = last + 1, since + 1
                if since == window or len(rest) < size:
                    self.acknowledge(last)
                    since = 0
                if len(rest) < size:
                    return b"".join(content), answer
            elif kind == 3 and ((number - last) & 0xffff) < 0x8000 and since:
                self.acknowledge(last)  # a gap
                since = 0
            try:
                kind, number, rest = self.receive()
            except socket.timeout:
                self.acknowledge(last)
                kind = 0
        raise AssertionError("no end after a minute")

    def close(self):
        self.socket.close()


class LossyLink:
    """Carries TFTP between clients and a server, and loses and repeats packets: seeded."""

    def __init__(self, server, loss=0.0, repeat=0.0, seed=1):
        self.server, self.loss, self.repeat, self.random = server, loss, repeat, random.Random(seed)
        self.front = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.front.bind(("127.0.0.1", 0))
        self.port = self.front.getsockname()[1]
        self.ways, self.lost, self.running = {}, 0, True  # client -> [socket to the server, its transfer's port]
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _carry(self, send, packet, where):
        if self.random.random() < self.loss:
            self.lost += 1
            return
        for _ in range(2 if self.random.random() < self.repeat else 1):
            with contextlib.suppress(ConnectionError):
                send.sendto(packet, where)

    def _run(self):
        while self.running:
            back = {way[0]: client for client, way in self.ways.items()}
            for ready in select.select([self.front, *back], [], [], 0.05)[0]:
                packet, where = ready.recvfrom(70000)
                if ready is self.front:
                    way = self.ways.setdefault(where, [socket.socket(socket.AF_INET, socket.SOCK_DGRAM), self.server])
                    self._carry(way[0], packet, way[1])
                else:
                    self.ways[back[ready]][1] = where
                    self._carry(self.front, packet, back[ready])

    def close(self):
        self.running = False
        self.thread.join()
        for way in self.ways.values():
            way[0].close()
        self.front.close()
