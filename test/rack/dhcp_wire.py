"""A wire with the rack's DHCP at one end and clients at the other, each in its own network namespace, and a small client
that speaks what stock clients do not."""
import ctypes
import json
import os
import pathlib
import socket
import struct
import subprocess
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("GANTRY_BUILD") or ROOT / "build" / "debug").resolve()
RACK, CLIENT, SUBNET = "10.77.0.21", "10.77.0.2", "10.77.0.0/24"
CLONE_NEWNET = 0x40000000
DISCOVER, OFFER, REQUEST, DECLINE, ACK, NAK, RELEASE, INFORM = range(1, 9)


def document(version="1", **changes):
    network = {"vlan_id": 5001, "subnet_id": 1, "cidr": SUBNET, "primary": True, "mtu": 1500, "gateway": "10.77.0.1",
               "dns": [RACK], "ntp": [], "domain": "maas", "lease_s": 600,
               "ranges": [{"first": "10.77.0.100", "last": "10.77.0.199"}], "hosts": [], **changes}
    return {"version": version, "networks": [network]}


def blocks_of(config, term_s=86400):
    """The answer to dhcp_blocks that gives a rack all of the ranges."""
    runs = []
    for network in config["networks"]:
        for span in network["ranges"]:
            first, last = (int.from_bytes(socket.inet_aton(span[key]), "big") // 16 for key in ("first", "last"))
            runs.append([first, last - first + 1])
    return {"term_s": term_s, "blocks": runs}


def ip(*arguments, check=True):
    subprocess.run(["ip", *arguments], check=check, capture_output=True, text=True)


class Wire:
    """rack0 (10.77.0.21) in one namespace, client0 (without an address) in the other."""

    def __init__(self):
        self.rack, self.client = f"gdr{os.getpid()}", f"gdc{os.getpid()}"
        for name in (self.rack, self.client):
            ip("netns", "add", name)
            ip("-n", name, "link", "set", "lo", "up")
        self.plug()

    def plug(self):
        ip("-n", self.rack, "link", "add", "rack0", "type", "veth", "peer", "name", "client0", "netns", self.client)
        ip("-n", self.rack, "addr", "add", f"{RACK}/24", "dev", "rack0")
        ip("-n", self.rack, "link", "set", "rack0", "up")
        ip("-n", self.client, "link", "set", "client0", "up")

    def unplug(self):
        ip("-n", self.rack, "link", "del", "rack0")

    def close(self):
        for name in (self.rack, self.client):
            ip("netns", "del", name, check=False)

    def run(self, *argv, timeout=60, **options):
        return subprocess.run(["ip", "netns", "exec", self.client, *argv], timeout=timeout, capture_output=True, text=True,
                              check=False, **options)

    def client_address(self, address):
        ip("-n", self.client, "addr", "flush", "dev", "client0")
        if address:
            ip("-n", self.client, "addr", "add", address, "dev", "client0")

    def inside(self, work, netns=None):
        """work() on a thread in a namespace (the clients'); sockets and children made there stay there."""
        result = []

        def enter():
            with open(f"/run/netns/{netns or self.client}", encoding="ascii") as file:
                if ctypes.CDLL(None, use_errno=True).setns(file.fileno(), CLONE_NEWNET):
                    raise OSError(ctypes.get_errno(), "setns")
            result.append(work())

        thread = threading.Thread(target=enter)
        thread.start()
        thread.join()
        return result[0]


class Program:
    """dhcp_program on the rack's end; its folder outlives it."""

    def __init__(self, wire, folder, config):
        self.wire, self.folder = wire, folder
        folder.mkdir(exist_ok=True)
        path = "-"
        if config:
            path = folder / "document.json"
            path.write_text(json.dumps(config), encoding="utf-8")
        self.log = open(folder / "log", "a+", encoding="utf-8")
        self.child = subprocess.Popen(["ip", "netns", "exec", wire.rack, BUILD / "dhcp_program", folder, path],
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, text=True)
        assert self.child.stdout.readline() == "ready\n", self.log_text()
        self.wait_for("gantry_dhcp_interfaces", 1)

    def order(self, line):
        self.child.stdin.write(line + "\n")
        self.child.stdin.flush()
        return list(iter(self.child.stdout.readline, "ok\n"))

    def metrics(self):
        pairs = (line.rsplit(" ", 1) for line in self.order("metrics") if not line.startswith("#"))
        return {name: float(value) for name, value in pairs}

    def wait_for(self, name, value, timeout=10):
        until = time.monotonic() + timeout
        while self.metrics().get(name) != value:
            assert time.monotonic() < until, (name, self.metrics().get(name), self.log_text())
            time.sleep(0.05)

    def changes(self):
        """{address: lease} of everything the region would be told now."""
        leases = [lease for line in self.order("changes") for lease in json.loads(line)["leases"]]
        return {lease["address"]: lease for lease in leases}

    def log_text(self):
        self.log.seek(0)
        return self.log.read()

    def kill(self):
        self.child.kill()
        self.child.wait()
        self.close_pipes()

    def close(self):
        if self.child.poll() is None:
            self.child.stdin.close()
            assert self.child.wait(timeout=30) == 0, self.log_text()
        self.close_pipes()

    def close_pipes(self):
        for pipe in (self.child.stdin, self.child.stdout, self.log):
            pipe.close()


def message(kind, mac, xid, ciaddr="0.0.0.0", **options):
    """A client's message; options as o50=b'..'. The broadcast flag is set, so that a UDP socket hears the answer."""
    head = struct.pack("!BBBBIHH4s4s4s4s", 1, 1, 6, 0, xid, 0, 0x8000, socket.inet_aton(ciaddr), b"", b"", b"")
    body = bytes([53, 1, kind])
    for name, value in options.items():
        body += bytes([int(name[1:]), len(value)]) + value
    return head + mac.ljust(16, b"\0") + bytes(192) + b"\x63\x82\x53\x63" + body + b"\xff"


def parse(datagram):
    """(type, yiaddr, server, xid, mac) of a reply."""
    options, at = {}, 240
    while datagram[at] != 255:
        if datagram[at]:
            options[datagram[at]] = datagram[at + 2:at + 2 + datagram[at + 1]]
            at += 2 + datagram[at + 1]
        else:
            at += 1
    return (options[53][0], socket.inet_ntoa(datagram[16:20]), options.get(54, b""),
            struct.unpack("!I", datagram[4:8])[0], datagram[28:34])


class Client:
    """Port 68 of the clients' end, for any number of MACs."""

    def __init__(self, wire):
        wire.client_address("169.254.7.7/16")
        self.socket = wire.inside(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"client0")
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        self.socket.bind(("", 68))
        self.socket.settimeout(5)
        self.xid = 1

    def send(self, datagram):
        self.socket.sendto(datagram, ("255.255.255.255", 67))

    def ask(self, kind, mac, **options):
        self.xid += 1
        self.send(message(kind, mac, self.xid, **options))
        while True:
            reply = parse(self.socket.recv(1500))
            if reply[3] == self.xid:
                return reply

    def lease(self, mac):
        """The whole exchange; the address."""
        kind, address, rack, _, _ = self.ask(DISCOVER, mac)
        assert kind == OFFER
        kind, acked, _, _, _ = self.ask(REQUEST, mac, o50=socket.inet_aton(address), o54=rack)
        assert (kind, acked) == (ACK, address)
        return address

    def close(self):
        self.socket.close()


class Fence:
    """What gantry-fenced does for rackd, at the other end of descriptor 3: the sockets it asks for."""
    LISTEN, ERROR_IO, SIZE = 8, 14, 808

    def __init__(self, wire, link):
        self.link = link
        threading.Thread(target=lambda: wire.inside(self.serve, wire.rack), daemon=True).start()

    def serve(self):
        while True:
            try:
                request = self.link.recv(8192)
            except OSError:
                return
            if not request:
                return
            type_, number, kind, interface, address, port = struct.unpack_from("=III16s16sI", request)
            assert type_ == self.LISTEN
            try:
                opened, code = self.open(kind, interface.rstrip(b"\0"), address.rstrip(b"\0").decode(), port), 0
            except OSError:
                opened, code = None, self.ERROR_IO
            reply = struct.pack("=III", 0, number, code).ljust(self.SIZE, b"\0")
            socket.send_fds(self.link, [reply], [opened.fileno()] if opened else [])
            if opened:
                opened.close()

    @staticmethod
    def open(kind, interface, address, port):
        if kind == 3:
            opened = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
            opened.bind((interface.decode(), 0))
        elif kind == 4:
            opened = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface)
        else:
            opened = socket.socket(socket.AF_INET, socket.SOCK_STREAM if kind == 0 else socket.SOCK_DGRAM)
            if interface:
                opened.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface)
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            if kind != 0:
                opened.setsockopt(socket.IPPROTO_IP, 8, 1)  # IP_PKTINFO
            opened.bind((address, 67 if kind == 2 else port))
            if kind == 0:
                opened.listen(64)
        opened.setblocking(False)
        return opened
