"""What goes over a machine's cable: DHCP, transfers from racks with how far they are, what it posts. Seen as it happens.

The frames are copied at the machine's tap. A transfer is {"proto", "name", "server", "bytes", "from"}; a message of DHCP
{"type", "server", "address", "xid", "when"}.
"""
import socket
import struct
import threading
import time

from .members import inside

ETH_ALL, ETH_IP, SNAP = 3, b"\x08\x00", 2048
BOOT_PORT, PROXY_PORT = 5248, 5240
DHCP_TYPES = {1: "discover", 2: "offer", 3: "request", 4: "decline", 5: "ack", 6: "nak", 7: "release"}
TFTP_READ, TFTP_DATA = 1, 3


def dhcp_options(body):
    """{code: value} of a DHCP message without its UDP header."""
    found, at = {}, 240
    while at + 1 < len(body) and body[at] != 255:
        if body[at] == 0:
            at += 1
            continue
        found[body[at]] = body[at + 2:at + 2 + body[at + 1]]
        at += 2 + body[at + 1]
    return found


class Wire:
    """Listens from its making to stop(). `changed` is notified after each thing that may matter."""

    def __init__(self, plan, machine):
        self.machine, self.changed = machine, threading.Condition()
        self.dhcp, self.transfers, self.posts = [], [], []
        self._tftp, self._http, self._done = {}, {}, threading.Event()
        self.socket = inside(plan.hub, self._open)
        self.thread = threading.Thread(target=self._listen)
        self.thread.start()

    def _open(self):
        sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_ALL))
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        sock.bind((self.machine.tap, ETH_ALL))
        sock.settimeout(0.2)
        return sock

    def _listen(self):
        frame = bytearray(SNAP)
        while not self._done.is_set():
            try:
                size = self.socket.recv_into(frame, SNAP, socket.MSG_TRUNC)
            except TimeoutError:
                continue
            except OSError:  # the tap is down between two lives of its machine
                time.sleep(0.1)
                continue
            self.take(bytes(frame[:min(size, SNAP)]), size)

    def take(self, frame, size):
        """One frame, of which the beginning is here."""
        if len(frame) < 34 or frame[12:14] != ETH_IP:
            return
        start = 14 + (frame[14] & 15) * 4
        ends = (socket.inet_ntoa(frame[26:30]), socket.inet_ntoa(frame[30:34]))
        if len(frame) < start + 8:
            return
        ports = struct.unpack_from("!HH", frame, start)
        if frame[23] == 17:
            self._udp(ends, ports, frame[start + 8:], size - start - 8)
        elif frame[23] == 6 and len(frame) >= start + 13:
            first = start + (frame[start + 12] >> 4) * 4
            length = struct.unpack_from("!H", frame, 16)[0] - (first - 14)
            self._tcp((ends, ports), frame[first:], length if length > 0 else size - first)

    def _tell(self):
        with self.changed:
            self.changed.notify_all()

    def _udp(self, ends, ports, body, size):
        if ports[1] in (67, 68) and ports[0] in (67, 68) and len(body) > 240:
            self._take_dhcp(body)
        elif ports[1] == 69 and len(body) > 4 and body[1] == TFTP_READ:
            name = body[2:].split(b"\0", 1)[0].decode("ascii", "replace").lstrip("/")
            transfer = {"proto": "tftp", "name": name, "server": ends[1], "bytes": 0, "from": 0}
            self._tftp[(ends[1], ports[0])] = transfer
            self.transfers.append(transfer)
            self._tell()
        elif (ends[0], ports[1]) in self._tftp and len(body) > 4 and body[1] == TFTP_DATA:
            self._tftp[(ends[0], ports[1])]["bytes"] += size - 4
            self._tell()

    def _take_dhcp(self, body):
        if ":".join(f"{byte:02x}" for byte in body[28:34]) != self.machine.mac:
            return
        options = dhcp_options(body)
        kind = DHCP_TYPES.get((options.get(53) or b"\0")[0])
        if kind:
            server = options.get(54, b"")
            self.dhcp.append({"type": kind, "server": socket.inet_ntoa(server) if len(server) == 4 else None,
                              "address": socket.inet_ntoa(body[16:20]), "xid": body[4:8].hex(), "when": time.monotonic()})
            self._tell()

    def _tcp(self, way, body, size):
        (ends, ports) = way
        if size <= 0:
            return
        if ports[1] == BOOT_PORT and body[:4] == b"GET ":
            request, *lines = body.split(b"\r\n\r\n", 1)[0].decode("ascii", "replace").split("\r\n")
            words = dict(line.lower().split(": ", 1) for line in lines if ": " in line)
            first = words.get("range", "bytes=0-").removeprefix("bytes=").split("-")[0]
            transfer = {"proto": "http", "name": request.split(" ")[1].lstrip("/"), "server": ends[1], "bytes": 0,
                        "from": int(first) if first.isdigit() else 0}
            self._http[(ends[1], ports[0])] = transfer
            self.transfers.append(transfer)
            self._tell()
        elif ports[0] == BOOT_PORT and (ends[0], ports[1]) in self._http:
            self._http[(ends[0], ports[1])]["bytes"] += size
            self._tell()
        elif ports[1] == PROXY_PORT:
            self.posts.append((ends[1], bytes(body)))
            self._tell()

    def transfer(self, since, name, least_bytes):
        """The first of those from number since on whose name holds that text and that has come so far, or None."""
        return next((one for one in self.transfers[since:] if name in one["name"] and one["bytes"] >= least_bytes), None)

    def posted(self, since, *words):
        """(server, bytes) of the first post from number since on that holds these words, or None."""
        return next((post for post in self.posts[since:] if all(word in post[1] for word in words)), None)

    def marks(self):
        """Where everything is now: (of DHCP, transfers, posts)."""
        return len(self.dhcp), len(self.transfers), len(self.posts)

    def wait(self, timeout_s):
        with self.changed:
            self.changed.wait(timeout_s)

    def stop(self):
        self._done.set()
        self.thread.join()
        self.socket.close()
