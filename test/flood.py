#!/usr/bin/python3
"""A flood of connections, for tests: flood.py KIND SECONDS MOST PER_S [--from ADDRESS...] ADDRESS:PORT...

silent: connects and says nothing; hello: begins TLS and says no more; drip: a request, byte by byte; churn: connects and resets at
once. MOST are held of each target, PER_S begun of each in a second; what the other end closes is begun anew. The last line it
prints is JSON: how many were begun and refused, and the most that were held."""
import argparse
import errno
import json
import select
import socket
import ssl
import struct
import time


def client_hello():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    out = ssl.MemoryBIO()
    try:
        context.wrap_bio(ssl.MemoryBIO(), out).do_handshake()
    except ssl.SSLWantReadError:
        pass
    return out.read()


class Flood:
    def __init__(self, kind, most, per_s, sources):
        self.kind, self.most, self.per_s, self.sources = kind, most, per_s, sources
        self.poll, self.held, self.hello = select.epoll(), {}, client_hello()
        self.begun = self.refused = self.peak = 0

    def begin(self, target):
        one = socket.socket()
        one.setblocking(False)
        if self.kind == "churn":
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if self.sources:
            one.setsockopt(socket.SOL_IP, 24, 1)  # IP_BIND_ADDRESS_NO_PORT
            one.bind((self.sources[self.begun % len(self.sources)], 0))
        self.begun += 1
        if one.connect_ex(target) not in (0, errno.EINPROGRESS):
            self.refused += 1
            one.close()
            return 0
        self.held[one.fileno()] = (one, target)
        self.poll.register(one.fileno(), select.EPOLLOUT | select.EPOLLIN)
        return 1

    def end(self, number):
        one, target = self.held.pop(number)
        one.close()
        return target

    def look(self, counts):
        for number, events in self.poll.poll(0.001):
            one, _ = self.held[number]
            if events & (select.EPOLLHUP | select.EPOLLERR):
                self.refused += 1
                counts[self.end(number)] -= 1
                continue
            try:
                if events & select.EPOLLOUT:
                    self.poll.modify(number, select.EPOLLIN)
                    if self.kind == "churn":
                        counts[self.end(number)] -= 1
                    elif self.kind == "hello":
                        one.send(self.hello)
                    elif self.kind == "drip":
                        one.send(b"GET / HTTP/1.1\r\nHost: ")
                elif not one.recv(65536):
                    counts[self.end(number)] -= 1
            except OSError:
                self.refused += 1
                counts[self.end(number)] -= 1

    def drip(self):
        for one, _ in list(self.held.values()):
            try:
                one.send(b"x")
            except OSError:
                pass

    def run(self, targets, seconds):
        counts, started = dict.fromkeys(targets, 0), time.monotonic()
        end, last, dripped = started + seconds, started, started
        while (now := time.monotonic()) < end:
            share, last = int((now - last) * self.per_s) + 1, now
            for target in targets:
                for _ in range(min(share, self.most - counts[target])):
                    counts[target] += self.begin(target)
            self.peak = max(self.peak, len(self.held))
            self.look(counts)
            if self.kind == "drip" and now - dripped > 1:
                dripped = now
                self.drip()
        return {"begun": self.begun, "refused": self.refused, "peak": self.peak}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=["silent", "hello", "drip", "churn"])
    parser.add_argument("seconds", type=float)
    parser.add_argument("most", type=int)
    parser.add_argument("per_s", type=int)
    parser.add_argument("--from", dest="sources", action="append", default=[])
    parser.add_argument("targets", nargs="+")
    args = parser.parse_args()
    targets = [(text.rsplit(":", 1)[0], int(text.rsplit(":", 1)[1])) for text in args.targets]
    print(json.dumps(Flood(args.kind, args.most, args.per_s, args.sources).run(targets, args.seconds)), flush=True)


main()
