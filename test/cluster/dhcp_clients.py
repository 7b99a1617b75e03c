"""Clients of DHCP on the lab's provisioning bridge, and a book of who had which address until when."""
import contextlib
import pathlib
import socket
import struct
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "rack"))
from dhcp_wire import ACK, DISCOVER, OFFER, REQUEST, Client, Wire, message, parse  # noqa: E402

RETRY_S = 4.0  # RFC 2131, 4.1: the first one, give or take a second


class Segment(Wire):
    """A namespace with client0 on the lab's provisioning bridge."""

    def __init__(self, lab):  # pylint: disable=super-init-not-called
        provision = lab.facts["provision"]
        self.rack, self.client = provision["netns"], f"{lab.name}-dhcp"
        subprocess.run(["ip", "netns", "add", self.client], check=True)
        for argv in (["-n", self.rack, "link", "add", "dhcpc0", "type", "veth", "peer", "name", "client0", "netns", self.client],
                     ["-n", self.rack, "link", "set", "dhcpc0", "master", provision["bridge"], "up"],
                     ["-n", self.client, "link", "set", "client0", "up"]):
            subprocess.run(["ip", *argv], check=True)

    def close(self):
        subprocess.run(["ip", "netns", "del", self.client], check=False)


class Clients:
    """Each MAC asks as clients do, and the book says who had which address until when."""

    def __init__(self, segment):
        self.client = Client(segment)
        self.book, self.lock, self.next, self.twice = {}, threading.Lock(), 1, []

    def new_mac(self):
        self.next += 1
        return bytes([2, 0, 7]) + struct.pack("!I", self.next)[1:]

    def note(self, mac, address, lease_s):
        now = time.monotonic()
        with self.lock:
            holder, until = self.book.get(address, (mac, 0))
            if holder != mac and until > now:
                self.twice.append((address, holder.hex(), mac.hex(), until - now))
            self.book[address] = (mac, now + lease_s)

    def exchange(self, kind, mac, xid, secs, wait_s, **options):
        """One message and its answer, or None."""
        datagram = bytearray(message(kind, mac, xid, **options))
        datagram[8:10] = struct.pack("!H", secs)
        self.client.send(bytes(datagram))
        until = time.monotonic() + wait_s
        while (left := until - time.monotonic()) > 0:
            self.client.socket.settimeout(left)
            try:
                bytes_in = self.client.socket.recv(1500)
            except TimeoutError:
                return None
            reply = parse(bytes_in)
            if reply[3] == xid and reply[4] == mac:
                return reply, lease_of(bytes_in)
        return None

    def lease(self, mac=None, patience_s=20):
        """(address, server, seconds until the ACK) with retries at 4 s as the RFC has them."""
        mac = mac or self.new_mac()
        self.client.xid += 1
        xid, start = self.client.xid, time.monotonic()
        while time.monotonic() - start < patience_s:
            offered = self.exchange(DISCOVER, mac, xid, int(time.monotonic() - start), RETRY_S)
            if not offered or offered[0][0] != OFFER:
                continue
            (_, address, server, _, _), _ = offered
            acked = self.exchange(REQUEST, mac, xid, int(time.monotonic() - start), 1, o50=socket.inet_aton(address), o54=server)
            if acked and acked[0][0] == ACK:
                self.note(mac, address, acked[1])
                return address, socket.inet_ntoa(server), time.monotonic() - start
        raise AssertionError(f"no address within {patience_s} s")

    def offered(self, mac, server, wanted=None, wait_s=1.5):
        """What this server offers a client that has tried for a while: its address, or None."""
        self.client.xid += 1
        datagram = bytearray(message(DISCOVER, mac, self.client.xid, **({"o50": socket.inet_aton(wanted)} if wanted else {})))
        datagram[8:10] = struct.pack("!H", 5)
        self.client.send(bytes(datagram))
        until = time.monotonic() + wait_s
        while (left := until - time.monotonic()) > 0:
            self.client.socket.settimeout(left)
            try:
                kind, address, by, xid, to = parse(self.client.socket.recv(1500))
            except TimeoutError:
                return None
            if kind == OFFER and xid == self.client.xid and to == mac and socket.inet_ntoa(by) == server:
                return address
        return None

    def take_from(self, mac, server, wanted=None):
        """A lease of this server: (address, its time), or None."""
        address = self.offered(mac, server, wanted)
        acked = address and self.exchange(REQUEST, mac, self.client.xid, 5, 1, o50=socket.inet_aton(address),
                                          o54=socket.inet_aton(server))
        if not acked or acked[0][0] != ACK:
            return None
        self.note(mac, address, acked[1])
        return address, acked[1]

    def again(self, mac, address):
        """A client that starts anew wants its address (INIT-REBOOT, for a renewal is answered to the address itself): the
        type of the answer and the lease's time, or None."""
        self.client.xid += 1
        answer = self.exchange(REQUEST, mac, self.client.xid, 0, 1, o50=socket.inet_aton(address))
        if not answer:
            return None
        if answer[0][0] == ACK:
            self.note(mac, address, answer[1])
        return answer[0][0], answer[1]

    def check(self):
        assert not self.twice, self.twice


def lease_of(datagram):
    at = 240
    while datagram[at] != 255:
        if datagram[at] == 51:
            return struct.unpack_from("!I", datagram, at + 2)[0]
        at += 2 + datagram[at + 1] if datagram[at] else 1
    return 0


@contextlib.contextmanager
def clients_of(lab):
    """Clients on a segment of their own, until the end of the block."""
    segment = Segment(lab)
    clients = Clients(segment)
    try:
        yield clients
    finally:
        clients.client.close()
        segment.close()
