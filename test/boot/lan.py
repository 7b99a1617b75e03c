"""A provisioning network in a namespace, with stock daemons: DHCP by busybox, TFTP by tftpd-hpa, and router
advertisements that say there is no router (iPXE waits 13 s for one otherwise)."""
import ctypes
import os
import pathlib
import socket
import struct
import subprocess
import threading
import time

from labkit import system

ADDRESS, SUBNET = "10.77.0.1", "10.77.0"
CLONE_NEWNET = 0x40000000
ALL_ROUTERS, ALL_HOSTS, ROUTER_SOLICITATION = "ff02::2", "ff02::1", 133


class Lan:
    def __init__(self, name, folder):
        self.netns, self.folder, self.children = name, folder, []
        self.stopped = threading.Event()

    def ip(self, *arguments):
        system.run("ip", "-n", self.netns, *arguments)

    def make(self, tap):
        """The namespace, a bridge with our address, and the machine's end of the cable."""
        system.run("ip", "netns", "add", self.netns)
        self.ip("link", "set", "lo", "up")
        self.ip("link", "add", "br0", "type", "bridge", "forward_delay", "0", "stp_state", "0")
        self.ip("addr", "add", f"{ADDRESS}/24", "dev", "br0")
        self.ip("link", "set", "br0", "up")
        self.ip("tuntap", "add", tap, "mode", "tap")
        self.ip("link", "set", tap, "master", "br0", "up")

    def inside(self, work):
        """Run work() on a thread in the namespace; sockets made there stay there."""
        result = []

        def enter():
            fd = os.open(f"/run/netns/{self.netns}", os.O_RDONLY)
            try:
                if ctypes.CDLL(None, use_errno=True).setns(fd, CLONE_NEWNET):
                    raise OSError(ctypes.get_errno(), "setns")
            finally:
                os.close(fd)
            result.append(work())
        thread = threading.Thread(target=enter)
        thread.start()
        thread.join()
        assert result, "not done inside the namespace"
        return result[0]

    def start(self, argv):
        log = open(self.folder / (pathlib.Path(argv[0]).name + ".log"), "ab")  # pylint: disable=consider-using-with
        with log:
            self.children.append(subprocess.Popen(system.in_netns(self.netns, *argv), stdin=subprocess.DEVNULL,
                                                  stdout=log, stderr=log))

    def serve_dhcp(self, boot_file):
        (self.folder / "leases").touch()
        config = self.folder / "udhcpd.conf"
        config.write_text(f"start {SUBNET}.100\nend {SUBNET}.110\ninterface br0\nlease_file {self.folder}/leases\n"
                          f"pidfile {self.folder}/udhcpd.pid\nsiaddr {ADDRESS}\nboot_file {boot_file}\n"
                          f"opt subnet 255.255.255.0\nopt router {ADDRESS}\nopt lease 600\n", encoding="utf-8")
        self.start(["/bin/busybox", "udhcpd", "-f", config])

    def serve_tftp(self, folder):
        self.start(["/usr/sbin/in.tftpd", "-L", "-s", "-a", f"{ADDRESS}:69", folder])

    def serve_advertisements(self):
        def open_socket():
            sock = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
            index = struct.pack("@I", socket.if_nametoindex("br0"))
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, socket.inet_pton(socket.AF_INET6, ALL_ROUTERS) + index)
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
            sock.settimeout(0.2)
            return sock
        sock = self.inside(open_socket)

        def answer():
            while not self.stopped.is_set():
                try:
                    packet, _ = sock.recvfrom(1500)
                    if packet[0] == ROUTER_SOLICITATION:
                        sock.sendto(struct.pack("!BBHBBHII", 134, 0, 0, 64, 0, 0, 0, 0), (ALL_HOSTS, 0))
                except OSError:
                    continue
            sock.close()
        threading.Thread(target=answer, daemon=True).start()

    def close(self):
        self.stopped.set()
        for child in self.children:
            child.kill()
            child.wait()
        if system.netns_exists(self.netns):
            system.kill_all(self.netns)
            time.sleep(0.1)
            system.run("ip", "netns", "del", self.netns)
