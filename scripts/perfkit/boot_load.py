"""What boot_bench measures with: clients, each in a network namespace of its own, and servers whose processor time is counted."""
import contextlib
import os
import pathlib
import subprocess
import time

from labkit.system import in_netns, run

SERVERS = "boot-bench-servers"  # their namespace
FETCH_S = 120


def busybox(*options):
    """How one client fetches several files, one after the other, to its standard output."""
    def command(address, _port, names):
        return " && ".join(f"busybox tftp -g {' '.join(options)} -l - -r {name} {address}" for name in names)
    return command


def atftp(*options):
    def command(address, _port, names):
        asked = " ".join(f"--option '{option}'" for option in options)
        return " && ".join(f"atftp {asked} -g -r {name} -l /dev/stdout {address}" for name in names)
    return command


def curl(address, port, names):
    """By one connection."""
    return "exec curl -s -S -f " + " ".join(f"http://{address}:{port}/{name}" for name in names)


class Server:
    """Ours or a peer, in a control group: some leave children behind of which they do not account."""

    def __init__(self, name, address, port, pid):
        self.name, self.address, self.port = name, address, port
        mounts = (line.split() for line in pathlib.Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines())
        top = next(pathlib.Path(fields[1]) for fields in mounts if fields[2] == "cgroup2")
        self.group = top / f"boot-bench-{os.getpid()}-{name}"
        self.group.mkdir()
        (self.group / "cgroup.procs").write_text(str(pid), encoding="ascii")

    def cpu_s(self):
        return int((self.group / "cpu.stat").read_text(encoding="ascii").split()[1]) / 1e6

    def pin(self, processors):
        for thread in (self.group / "cgroup.threads").read_text(encoding="ascii").split():
            os.sched_setaffinity(int(thread), processors)

    def close(self):
        deadline = time.monotonic() + 5
        while self.group.exists() and time.monotonic() < deadline:
            with contextlib.suppress(OSError):  # one of them has not quite ended
                self.group.rmdir()


class Network:
    """The servers' namespace with their addresses, and the clients', each with a cable of 1500 bytes to it."""

    def __init__(self, addresses, clients):
        self.clients = [f"boot-bench-{number}" for number in range(clients)]
        for netns in (SERVERS, *self.clients):
            run("ip", "netns", "add", netns)
            run("ip", "-n", netns, "link", "set", "lo", "up")
        for address in addresses:
            run("ip", "-n", SERVERS, "addr", "add", f"{address}/32", "dev", "lo")
        for number, netns in enumerate(self.clients):
            address, cable = f"10.99.{1 + number // 200}.{1 + number % 200}", f"c{number}"
            run("ip", "-n", SERVERS, "link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", netns)
            run("ip", "-n", netns, "addr", "add", f"{address}/16", "dev", "eth0")
            run("ip", "-n", netns, "link", "set", "eth0", "up")
            run("ip", "-n", SERVERS, "link", "set", cable, "up")
            run("ip", "-n", SERVERS, "route", "add", f"{address}/32", "dev", cable)

    def start(self, number, command, **options):
        """A client that waits for the end of its standard input before it begins."""
        return subprocess.Popen(in_netns(self.clients[number], "busybox", "sh", "-c", f"read go; {command}"), **options)

    def fetch(self, command, count):
        """Seconds in which so many clients together ended well, and what those said that did not."""
        start_r, start_w = os.pipe()
        running = [self.start(number, command, stdin=start_r, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
                   for number in range(count)]
        os.close(start_r)
        time.sleep(0.3 + count / 100)
        start, failed = time.monotonic(), []
        os.close(start_w)
        for child in running:
            try:
                _, text = child.communicate(timeout=FETCH_S)
            except subprocess.TimeoutExpired:
                child.kill()
                _, text = child.communicate()
            if child.returncode:
                failed.append(f"status {child.returncode}: {text.strip()[-200:]}")
        return time.monotonic() - start, failed

    def close(self):
        for netns in (SERVERS, *self.clients):
            run("ip", "netns", "del", netns, check=False)
