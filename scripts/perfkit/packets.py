"""Who answers for a virtual IP, packet by packet, as a client on its network sees it.

ARP is asked from an address of its own, so that the client's neighbour table is as stale as a client's is; ICMP and TCP go
where that table says. Times are the kernel's, of receipt.
"""
import contextlib
import select
import socket
import struct
import threading
import time

from labkit.members import inside

ARP_MAC, ARP_ADDRESS = bytes.fromhex("0200000000fe"), "10.89.0.6"
INTERFACE, PORT = "mgmt0", 5240
ARP_EVERY_S, ICMP_EVERY_S, TCP_EVERY_S = 0.01, 0.01, 0.02
TCP_PATIENCE_S = 0.5
ETH_ALL, ETH_ARP, ETH_IP, OUTGOING, SO_TIMESTAMPNS = 3, 0x0806, 0x0800, 4, 35
AWAY_S = 2  # who answers again after less, with another one between, answered beside it


def arp_request(address):
    frame = b"\xff" * 6 + ARP_MAC + struct.pack("!HHHBBH", ETH_ARP, 1, ETH_IP, 6, 4, 1)
    return frame + ARP_MAC + socket.inet_aton(ARP_ADDRESS) + b"\0" * 6 + socket.inet_aton(address)


def echo_request(number):
    def packet(checksum):
        return struct.pack("!BBHHH", 8, 0, checksum, 0x4741, number & 0xffff)
    total = sum(struct.unpack("!4H", packet(0)))
    return packet(~(total + (total >> 16)) & 0xffff)


def answer_of(frame, address):
    """(kind, MAC) of a frame in which address answers, or None."""
    if len(frame) < 34:
        return None
    wanted, (kind,) = socket.inet_aton(address), struct.unpack_from("!H", frame, 12)
    if kind == ETH_ARP and len(frame) >= 42:
        if frame[20:22] == b"\0\2" and frame[28:32] == wanted and frame[0:6] == ARP_MAC:
            return "arp", frame[22:28].hex(":")
    elif kind == ETH_IP and frame[26:30] == wanted:
        start = 14 + (frame[14] & 15) * 4
        if frame[23] == 1 and frame[start:start + 1] == b"\0":
            return "icmp", frame[6:12].hex(":")
        if frame[23] == 6 and len(frame) > start + 13 and frame[start + 13] & 0x12 == 0x12:
            return "tcp", frame[6:12].hex(":")
    return None


def gap_s(answers, kind, since, until):
    """The longest time between two answers of a kind that ended after since; inf when there is none after it."""
    times = [when for when, what, _ in answers if what == kind and when <= until]
    return max((b - a for a, b in zip(times, times[1:]) if b >= since), default=float("inf"))


def overlap_s(answers):
    """For how long two answered: who answers again soon after another one did, did so all the while."""
    spans = []  # [MAC, first answer] in the order of time
    last = {}
    total, end = 0.0, 0.0
    for when, _, mac in sorted(answers):
        if not spans or spans[-1][0] != mac:
            spans.append((mac, when))
            if len(spans) > 2 and mac == spans[-3][0] and when - last[mac] < AWAY_S:
                total += when - max(spans[-2][1], end)
                end = when
        last[mac] = when
    return total


class Packets:
    """Asks from its making to stop(); `answers` are (CLOCK_MONOTONIC, kind, MAC)."""

    def __init__(self, plan, address):
        self.address, self.answers, self.done = address, [], threading.Event()
        self.wire, self.icmp = inside(plan.client.netns, self._open)
        self.threads = [threading.Thread(target=self._listen), threading.Thread(target=self._ask),
                        threading.Thread(target=inside, args=(plan.client.netns, self._connect))]
        for thread in self.threads:
            thread.start()

    def _open(self):
        wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_ALL))
        wire.bind((INTERFACE, ETH_ALL))
        wire.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        wire.settimeout(0.2)
        return wire, socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)

    def _listen(self):
        offset = time.time() - time.monotonic()
        while not self.done.is_set():
            try:
                frame, extra, _, (_, _, direction, *_) = self.wire.recvmsg(200, 64)
            except TimeoutError:
                continue
            answer = None if direction == OUTGOING else answer_of(frame, self.address)
            if answer:
                seconds, nanoseconds = struct.unpack("qq", extra[0][2][:16])
                self.answers.append((seconds + nanoseconds / 1e9 - offset, *answer))

    def _ask(self):
        number = 0
        while not self.done.wait(ARP_EVERY_S):
            number += 1
            with contextlib.suppress(OSError):  # nobody has the address
                self.wire.send(arp_request(self.address))
            with contextlib.suppress(OSError):
                self.icmp.sendto(echo_request(number), (self.address, 0))

    def _connect(self):
        waiting = []  # (socket, since)
        while not self.done.wait(TCP_EVERY_S):
            one = socket.socket()
            one.setblocking(False)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            one.connect_ex((self.address, PORT))
            waiting.append((one, time.monotonic()))
            _, ended, _ = select.select([], [each for each, _ in waiting], [], 0)
            late = [each for each, since in waiting if time.monotonic() - since > TCP_PATIENCE_S]
            for each in {*ended, *late}:
                each.close()
            waiting = [pair for pair in waiting if pair[0].fileno() >= 0]
        for each, _ in waiting:
            each.close()

    def first_after(self, kind, when, mac):
        return next((at for at, what, who in list(self.answers) if at >= when and what == kind and who == mac), None)

    def holder(self):
        """The MAC that answered last, None = nobody did."""
        return self.answers[-1][2] if self.answers else None

    def stop(self):
        self.done.set()
        for thread in self.threads:
            thread.join()
        self.wire.close()
        self.icmp.close()
