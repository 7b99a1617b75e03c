"""DHCP and router advertisements of the rack with real clients over a real wire: udhcpc, dhclient, perfdhcp, and a small
client of our own for what they do not do."""
import json
import os
import re
import shutil
import socket
import struct
import threading
import time

import pytest

from dhcp_wire import (BUILD, CLIENT, DECLINE, DISCOVER, NAK, RACK, REQUEST, Client, Fence, Program, Wire, blocks_of, document,
                       ip, message)
from regions import Rackd, Region, wait_for

pytestmark = pytest.mark.skipif(os.geteuid() != 0 or not (BUILD / "dhcp_program").exists(),
                                reason="needs root for network namespaces, and the built dhcp_program")


@pytest.fixture(name="wire")
def make_wire():
    wire = Wire()
    yield wire
    wire.close()


@pytest.fixture(name="start")
def make_program(wire, tmp_path):
    started = []

    def start(config=None, fresh=True):
        started.append(Program(wire, tmp_path / "rack", (config or document()) if fresh else None))
        return started[-1]

    yield start
    for program in started:
        program.close()


@pytest.fixture(name="client")
def make_client(wire):
    client = Client(wire)
    yield client
    client.close()


def mac_of(number):
    return bytes([2, 0, 0]) + struct.pack("!I", number)[1:]


def udhcpc(wire, tmp_path, *arguments):
    """What the client's script was told: {name: value}."""
    script, out = tmp_path / "script", tmp_path / "told"
    script.write_text(f'#!/bin/sh\n[ "$1" = bound ] && env > {out}\nexit 0\n')
    script.chmod(0o755)
    result = wire.run("busybox", "udhcpc", "-i", "client0", "-f", "-q", "-n", "-t", "5", "-T", "1", "-s", script, *arguments)
    assert result.returncode == 0, result.stderr
    return dict(line.split("=", 1) for line in out.read_text().splitlines() if "=" in line)


def test_udhcpc(wire, start, tmp_path):
    program = start()
    told = udhcpc(wire, tmp_path, "-x", "hostname:alpha", "-O", "mtu")
    assert told["ip"] == "10.77.0.100" and told["mask"] == "24" and told["router"] == "10.77.0.1"
    assert told["dns"] == RACK and told["domain"] == "maas" and told["lease"] == "600" and told["mtu"] == "1500"
    assert told["serverid"] == RACK
    lease = program.changes()["10.77.0.100"]
    assert lease["hostname"] == "alpha" and not lease["gone"]
    assert 590 < lease["expires_s"] - time.time() <= 601
    # Again: the same address, and the region hears of it again.
    assert udhcpc(wire, tmp_path)["ip"] == "10.77.0.100"
    assert list(program.changes()) == ["10.77.0.100"] and program.changes() == {}


def test_reservation_that_comes_later(wire, start, tmp_path):
    program = start()
    mac = re.search(r"link/ether (\S+)", wire.run("ip", "link", "show", "client0").stdout)[1]
    assert udhcpc(wire, tmp_path)["ip"] == "10.77.0.100"
    changed = tmp_path / "changed.json"
    host = {"mac": mac, "address": "10.77.0.30", "hostname": "happy-hippo"}
    changed.write_text(json.dumps(document("2", hosts=[host])))
    assert program.order(f"configure {changed}") == []
    told = udhcpc(wire, tmp_path, "-O", "hostname")
    assert told["ip"] == "10.77.0.30" and told["hostname"] == "happy-hippo"
    # A document that is wrong changes nothing.
    changed.write_text(json.dumps(document("3", lease_s=1)))
    assert "lease_s" in program.order(f"configure {changed}")[0]
    assert udhcpc(wire, tmp_path)["ip"] == "10.77.0.30"


@pytest.mark.skipif(not shutil.which("dhclient"), reason="no dhclient here")
def test_dhclient(wire, start, tmp_path):
    program = start()
    lease_file, pid_file = tmp_path / "dhclient.leases", tmp_path / "dhclient.pid"
    options = ["-sf", "/bin/true", "-lf", lease_file, "-pf", pid_file, "-cf", "/dev/null", "client0"]
    result = wire.run("dhclient", "-1", "-v", *options)
    try:
        assert result.returncode == 0, result.stderr
        assert re.search(r"DHCPACK of 10\.77\.0\.100 from 10\.77\.0\.21", result.stderr), result.stderr
        assert "fixed-address 10.77.0.100;" in lease_file.read_text()
        assert not program.changes()["10.77.0.100"]["gone"]
    finally:
        wire.client_address("10.77.0.100/24")  # /bin/true did not set it; a release is sent from it
        wire.run("dhclient", "-r", *options)
    program.wait_for('gantry_dhcp_leases{kind="released"}', 1)
    assert program.changes()["10.77.0.100"]["gone"]


def test_kill_and_start_without_region(start, client):
    """What was acknowledged is known to the next process, which has only the disk."""
    program = start()
    given = {number: client.lease(mac_of(number)) for number in range(20)}
    program.kill()
    program = start(fresh=False)
    assert client.lease(mac_of(100)) not in given.values()
    assert {number: client.lease(mac_of(number)) for number in range(20)} == given
    kind, *_ = client.ask(REQUEST, mac_of(101), o50=socket.inet_aton(given[3]))
    assert kind == NAK
    assert len(program.changes()) == 21


@pytest.mark.parametrize("after_s", [0.3, 0.7])
def test_kill_in_the_rush(start, client, after_s):
    """SIGKILL while leases are being given: none that a client holds is lost, none is given twice."""
    program = start(document(ranges=[{"first": "10.77.0.30", "last": "10.77.0.250"}]))
    holders, stop = {}, threading.Event()

    def rush():
        for number in range(220):
            if stop.is_set():
                return
            try:
                holders[number] = client.lease(mac_of(number))
            except TimeoutError:
                return

    client.socket.settimeout(1)
    thread = threading.Thread(target=rush)
    thread.start()
    time.sleep(after_s)
    program.kill()
    stop.set()
    thread.join()
    assert holders and len(set(holders.values())) == len(holders)
    program = start(fresh=False)
    client.socket.settimeout(5)
    changes = program.changes()
    for number, address in holders.items():
        assert bytes.fromhex(changes[address]["mac"].replace(":", "")) == mac_of(number)
    assert client.lease(mac_of(1000)) not in holders.values()


def test_decline_and_wrong_network(start, client):
    program = start()
    address = client.lease(mac_of(1))
    client.xid += 1
    client.send(message(DECLINE, mac_of(1), client.xid, o50=socket.inet_aton(address), o54=socket.inet_aton(RACK)))
    program.wait_for('gantry_dhcp_leases{kind="declined"}', 1)
    assert client.lease(mac_of(1)) != address
    assert client.ask(REQUEST, mac_of(2), o50=socket.inet_aton("192.168.1.1"))[0] == NAK
    assert "is in use by something without a lease" in program.log_text()
    assert program.changes()[address]["gone"]


def test_exhausted_is_said_once(start, client):
    program = start(document(ranges=[{"first": "10.77.0.100", "last": "10.77.0.101"}]))
    for number in range(2):
        client.lease(mac_of(number))
    client.socket.settimeout(0.3)
    for number in range(10, 15):
        with pytest.raises(TimeoutError):
            client.ask(DISCOVER, mac_of(number))
    assert program.metrics()['gantry_dhcp_decisions_total{reason="exhausted"}'] == 5
    assert program.log_text().count("no free address is left") == 1


def test_malformed_is_counted_and_said_once(start, client):
    program = start()
    for datagram in (b"", b"\x01", bytes(300), bytes(1472), b"\xff" * 1400, b"\x01\x01\x06" + bytes(233) + b"\x63\x82\x53\x63\x35"):
        client.send(datagram)
    program.wait_for("gantry_dhcp_malformed_total", 6)
    assert program.log_text().count("message of 0 bytes") == 1
    assert client.lease(mac_of(1)) == "10.77.0.100"


def test_link_comes_and_goes(wire, start, client):
    program = start()
    address = client.lease(mac_of(1))
    ip("-n", wire.rack, "link", "set", "rack0", "down")
    program.wait_for("gantry_dhcp_interfaces", 0)
    ip("-n", wire.rack, "link", "set", "rack0", "up")
    program.wait_for("gantry_dhcp_interfaces", 1)
    assert client.lease(mac_of(1)) == address
    # The interface is made anew under its old name, as a hypervisor or a driver reload does.
    wire.unplug()
    program.wait_for("gantry_dhcp_interfaces", 0)
    wire.plug()
    program.wait_for("gantry_dhcp_interfaces", 1)
    again = Client(wire)
    assert again.lease(mac_of(1)) == address
    again.close()


def test_unicast_frame(wire, start):
    """A client without the broadcast flag gets its offer at its MAC, before it has the address."""
    start()
    raw = wire.inside(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800)))
    raw.bind(("client0", 0))
    raw.settimeout(5)
    mac = bytes.fromhex(re.search(r"link/ether (\S+)", wire.run("ip", "link", "show", "client0").stdout)[1].replace(":", ""))
    wire.client_address("169.254.7.7/16")
    sender = Client(wire)
    datagram = bytearray(message(DISCOVER, mac, 77))
    datagram[10] = 0  # no broadcast flag
    sender.send(bytes(datagram))
    sender.close()
    while True:
        frame, (_, _, packet_type, _, _) = raw.recvfrom(2000)
        if packet_type != socket.PACKET_OUTGOING and frame[36:38] == b"\x00\x44":
            break
    raw.close()
    assert frame[:6] == mac and frame[30:34] == socket.inet_aton("10.77.0.100") and frame[42 + 4:42 + 8] == b"\0\0\0\x4d"


def test_router_advertisement(wire, start):
    program = start()
    raw = wire.inside(lambda: socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6))
    index = int(wire.run("cat", "/sys/class/net/client0/ifindex").stdout)
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"client0")
    raw.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
    raw.settimeout(0.2)

    def solicit():
        raw.sendto(bytes([133, 0, 0, 0, 0, 0, 0, 0]), ("ff02::2", 0, 0, index))

    def advertisement():
        while True:
            bytes_in, sender = raw.recvfrom(1500)
            if bytes_in[0] == 134:
                return bytes_in, sender

    for _ in range(50):  # addresses of a new link are tentative for a second or two
        try:
            solicit()
            reply, sender = advertisement()
            break
        except (TimeoutError, OSError):
            time.sleep(0.1)
    assert sender[0].startswith("fe80:") and len(reply) == 16
    assert reply[4] == 64 and reply[5:] == bytes(11)  # hop limit, no flags, lifetime 0, no timers
    for _ in range(300):
        solicit()
    deadline = time.monotonic() + 5
    while not program.metrics()['gantry_router_solicits_total{outcome="limited"}']:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    # A hop limit below 255 came from elsewhere.
    raw.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 64)
    solicit()
    program.wait_for('gantry_router_solicits_total{outcome="refused"}', 1)
    raw.close()


def test_rackd_with_a_region_and_without(wire, client, authority, tmp_path):
    """gantry-rackd takes its configuration from the region, tells it of leases, and goes on without it."""
    region = wire.inside(lambda: Region(authority), wire.rack)
    region.answers.update(dhcp_config=document("v1"), leases={}, dhcp_blocks=blocks_of(document()),
                          partner_leases={"leases": [], "next": 0})
    rackd = Rackd(tmp_path / "rackd", authority, [region], ["provision.interfaces=rack0"])

    def start():
        wire.inside(rackd.start, wire.rack)
        Fence(wire, rackd.fence)

    def told():
        return {lease["address"]: lease for method, params in region.calls if method == "leases" for lease in params["leases"]}

    def ready(text):
        wait_for(text, lambda: text in rackd.text())
        for _ in range(50):
            try:
                client.socket.settimeout(0.2)
                return client.lease(mac_of(1))
            except TimeoutError:
                continue
        raise AssertionError(rackd.text())

    try:
        start()
        address = ready("configuration v1 with 1 networks")
        wait_for("the lease at the region", lambda: told().get(address))
        assert told()[address]["mac"] == "02:00:00:00:00:01" and not told()[address]["gone"]
        # A note, another document: with a reservation this time.
        host = {"mac": "02:00:00:00:00:02", "address": "10.77.0.31", "hostname": "sad-tapir"}
        region.answers["dhcp_config"] = lambda params: document("v2", hosts=[host]) if params["version"] == "v1" else {
            "version": "v2"}
        region.link.note("config_changed")
        wait_for("the second configuration", lambda: "configuration v2" in rackd.text())
        assert client.lease(mac_of(2)) == "10.77.0.31"
        # One that is wrong is refused with one line; the last good one stays.
        region.answers["dhcp_config"] = document("v3", lease_s=5)
        region.link.note("config_changed")
        wait_for("the refusal", lambda: "is refused, the last one stays" in rackd.text())
        assert client.lease(mac_of(2)) == "10.77.0.31"
        # No region at all: the process that starts then serves what it finds on disk.
        region.close()
        assert rackd.stop() == 0
        rackd.log.unlink()
        start()
        assert ready("dhcp: on rack0") == address
        assert client.lease(mac_of(2)) == "10.77.0.31"
    finally:
        rackd.close()
        region.close()


def perfdhcp(wire, *arguments):
    """perfdhcp as the relay of a /16 with room for thousands of clients: its result, packets sent and received of both
    exchanges."""
    wire.client_address(f"{CLIENT}/16")
    result = wire.run("perfdhcp", "-4", "-1", "-l", CLIENT, *arguments, RACK, timeout=120)
    numbers = re.findall(r"(sent|received) packets: (\d+)", result.stdout)
    return result, [int(number) for _, number in numbers]


WIDE = {"cidr": "10.77.0.0/16", "ranges": [{"first": "10.77.1.0", "last": "10.77.255.0"}]}


@pytest.mark.skipif(not shutil.which("perfdhcp"), reason="no perfdhcp here")
def test_perfdhcp(wire, start):
    """200 new leases a second, each on disk before its ACK."""
    program = start(document(**WIDE))
    result, numbers = perfdhcp(wire, "-r", "200", "-R", "100000", "-p", "3", "-W", "1000000")
    assert len(numbers) == 4, result.stdout + result.stderr
    offered, acked = numbers[1], numbers[3]
    metrics = program.metrics()
    assert acked > 500 and acked >= 0.98 * numbers[2] and offered >= 0.98 * numbers[0], result.stdout
    assert metrics["gantry_dhcp_synced_leases_total"] >= acked
    assert metrics["gantry_dhcp_sync_failures_total"] == 0
    assert len(program.changes()) >= acked


@pytest.mark.skipif(not shutil.which("perfdhcp"), reason="no perfdhcp here")
def test_perfdhcp_with_blocks_as_they_are_needed(wire, authority, tmp_path):
    """gantry-rackd has two blocks when 100 new clients a second come: it asks for more before it has none."""
    region, owned, asked = wire.inside(lambda: Region(authority), wire.rack), [], []

    def blocks(params):
        lacks = sum(network["blocks"] for network in params["networks"])
        asked.append(lacks)
        first = (10 << 24 | 77 << 16 | 256) // 16
        owned.extend(range(first + len(owned), first + len(owned) + lacks))
        time.sleep(0.03)  # about what a commit by the quorum takes
        return {"term_s": 86400, "blocks": [[owned[0], len(owned)]], "more": lacks > 0}

    region.answers.update(dhcp_config=document("v1", **WIDE), leases={}, dhcp_blocks=blocks,
                          partner_leases={"leases": [], "next": 0})
    rackd = Rackd(tmp_path / "rackd", authority, [region], ["provision.interfaces=rack0", "log.level=info"])
    try:
        wire.inside(rackd.start, wire.rack)
        Fence(wire, rackd.fence)
        wait_for("blocks", lambda: "2 blocks of addresses" in rackd.text())
        result, numbers = perfdhcp(wire, "-r", "100", "-R", "100000", "-p", "4", "-W", "1000000")
        assert len(numbers) == 4, result.stdout + result.stderr
        print(result.stdout, asked)
        assert numbers[3] >= 0.95 * numbers[0], result.stdout
        assert numbers[3] <= 16 * len(owned) <= 2 * numbers[3], (owned, asked)  # and does not hoard
    finally:
        rackd.close()
        region.close()
