"""Power drivers that run programs: PDUs against a real snmpd, virsh against a real libvirtd; and wake on LAN."""
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time

import pytest

from power_orders import linked_region, machines_of, order, refused
from regions import free_port, wait_for

COMMUNITY = "Geheim17"
APC, EATON, RARITAN = ".1.3.6.1.4.1.318.1.1.12.3.3.1.1.4", ".1.3.6.1.4.1.534.6.6.7.6.6.1", ".1.3.6.1.4.1.13742.6.4.1.2.1.2.1"

OUTLETS = '''#!/usr/bin/python3
"""Called by snmpd (pass): -g OID or -s OID TYPE VALUE. Outlet 3 of each maker; its power is a file."""
import pathlib, sys
power = pathlib.Path(sys.argv[1])
apc, eaton, raritan = sys.argv[2:5]
what, oid = sys.argv[5:7]
value = sys.argv[8] if what == "-s" else ""
with open(str(power) + ".log", "a") as log:
    log.write(" ".join(sys.argv[5:]) + "\\n")
on = power.read_text() == "on"
if oid == apc + ".3":
    new, number = {"1": "on", "2": "off"}.get(value), 1 if on else 2
elif oid == raritan + ".3":
    new, number = {"1": "on", "0": "off"}.get(value), int(on)
elif oid in (eaton + ".2.0.3", eaton + ".3.0.3", eaton + ".4.0.3"):
    new, number = {"3": "off", "4": "on"}.get(oid.split(".")[-3]) if value else None, int(on)
else:
    sys.exit(0)
if what == "-s":
    power.write_text(new)
else:
    print(f"{oid}\\ninteger\\n{number}")
'''


@pytest.fixture(scope="module")
def linked(authority, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tools")
    sets = []
    for name in ("snmpget", "snmpset", "virsh"):  # show what they were given
        spy = folder / name
        spy.write_text(f'#!/bin/sh\necho "$0 $@" >> {folder}/argv\nexec /usr/bin/{name} "$@"\n')
        spy.chmod(0o755)
        sets.append(f"power.{name}={spy}")
    with linked_region(authority, tmp_path_factory.mktemp("rackd"), sets) as region:
        yield region
        assert COMMUNITY not in (folder / "argv").read_text()
        assert not list(region.rackd.folder.rglob("snmp.conf")) and not list(region.rackd.folder.rglob("ask.answer"))


@pytest.fixture(scope="module")
def pdu(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pdu")
    power, script, port = folder / "power", folder / "outlets", free_port()
    power.write_text("off")
    script.write_text(OUTLETS)
    script.chmod(0o755)
    passes = "\n".join(f"pass {tree} {script} {power} {APC} {EATON} {RARITAN}" for tree in (APC, EATON, RARITAN))
    (folder / "snmpd.conf").write_text(f"rwcommunity {COMMUNITY}\nrocommunity looker\n{passes}\n")
    process = subprocess.Popen(
        ["/usr/sbin/snmpd", "-f", "-C", "-c", folder / "snmpd.conf", "-Lf", folder / "log", "-I", "-smux", "-p", folder / "pid",
         f"udp:127.0.0.1:{port}"], env={**os.environ, "SNMP_PERSISTENT_DIR": str(folder / "persist"), "MIBS": ""})
    pdu = type("Pdu", (), {"power": power, "port": port, "log": folder / "power.log"})
    wait_for("snmpd", lambda: subprocess.run(["snmpget", "-v1", "-c", "looker", f"127.0.0.1:{port}", APC + ".3"], check=False,
                                             capture_output=True).returncode == 0)
    yield pdu
    process.kill()
    process.wait()


def outlet(pdu, **changes):
    return {"power_address": f"127.0.0.1:{pdu.port}", "node_outlet": "3", "power_on_delay": "0", "snmp_community": COMMUNITY, **changes}


@pytest.mark.parametrize("driver", ["apc", "eaton", "raritan"])
def test_outlets(linked, pdu, driver):
    pdu.power.write_text("off")
    parameters = outlet(pdu)
    assert order(linked, driver, "query", parameters) == "off"
    assert order(linked, driver, "on", parameters) == "on" and pdu.power.read_text() == "on"
    before = len(pdu.log.read_text().splitlines())
    assert order(linked, driver, "on", parameters) == "on"
    assert not [line for line in pdu.log.read_text().splitlines()[before:] if line.startswith("-s")]
    start = time.monotonic()
    assert order(linked, driver, "cycle", outlet(pdu, power_on_delay="1")) == "on"
    assert time.monotonic() - start > 1
    assert len([line for line in pdu.log.read_text().splitlines()[before:] if line.startswith("-s")]) == 2
    assert order(linked, driver, "off", parameters) == "off" and pdu.power.read_text() == "off"


def test_outlets_refused(linked, pdu):
    pdu.power.write_text("off")
    refusal = refused(linked, "apc", "query", outlet(pdu, node_outlet="4"))
    assert refusal.error == "bad input" and "no outlet 4" in refusal.message
    refusal = refused(linked, "raritan", "query", outlet(pdu, node_outlet="4"))
    assert refusal.error == "bad input" and "no outlet 4" in refusal.message
    refusal = refused(linked, "apc", "on", outlet(pdu, snmp_community="looker"))
    assert refusal.error in ("not allowed", "bad input") and pdu.power.read_text() == "off"
    refusal = refused(linked, "apc", "query", outlet(pdu, snmp_community="wrong"), timeout_ms=4000)
    assert refusal.error == "unavailable" and "does not answer" in refusal.message
    refusal = refused(linked, "apc", "on", outlet(pdu, power_on_delay="999"))
    assert refusal.error == "bad input" and "power_on_delay" in refusal.message
    assert refused(linked, "apc", "query", outlet(pdu, snmp_community='a"b')).error == "bad input"
    assert refused(linked, "apc", "query", outlet(pdu, node_outlet="3;x")).error == "bad input"


@pytest.fixture
def libvirt():
    """A real libvirtd of a plain user; its connections share one made-up host as long as one of them is open."""
    folder, port = pathlib.Path(tempfile.mkdtemp(prefix="gantry-libvirt-")), free_port()
    folder.chmod(0o777)
    (folder / "libvirtd.conf").write_text(
        f'listen_tls = 0\nlisten_tcp = 1\nlisten_addr = "127.0.0.1"\ntcp_port = "{port}"\nauth_tcp = "none"\n')
    homes = {name: str(folder) for name in ("HOME", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME")}
    daemon = subprocess.Popen(
        ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "/usr/sbin/libvirtd", "--listen", "-f", folder / "libvirtd.conf",
         "-p", folder / "pid"], env={**os.environ, **homes}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    uri = f"test+tcp://127.0.0.1:{port}/default"
    wait_for("libvirtd", lambda: subprocess.run(["virsh", "-c", uri, "domstate", "test"], capture_output=True, check=False).returncode == 0,
             30)
    holder = subprocess.Popen(["virsh", "-q", "-c", uri], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    holder.stdin.write(b"list\n")
    holder.stdin.flush()
    yield uri
    holder.kill()
    holder.wait()
    daemon.terminate()
    daemon.wait()
    shutil.rmtree(folder)


def test_virsh(linked, libvirt):
    parameters = {"power_address": libvirt, "power_id": "test"}
    assert order(linked, "virsh", "query", parameters) == "on"
    assert order(linked, "virsh", "off", parameters) == "off"
    assert order(linked, "virsh", "off", parameters) == "off"
    assert order(linked, "virsh", "on", parameters) == "on"
    assert order(linked, "virsh", "cycle", parameters) == "on"
    refusal = refused(linked, "virsh", "on", {**parameters, "power_id": "nobody"})
    assert refusal.error == "not found" and "no domain nobody" in refusal.message


def test_domains_of_a_libvirt_host(linked):
    """libvirt's own test driver, with a host of our making."""
    uri = f"test://{pathlib.Path(__file__).parent / 'chassis.xml'}"
    found = sorted(machines_of(linked, "virsh", {"power_address": uri}), key=lambda each: each["name"])
    assert found == [
        {"name": "Web-1", "architecture": "amd64", "macs": ["52:54:00:c4:00:01", "52:54:00:c4:00:02"], "parameters": {"power_id": "Web-1"}},
        {"name": "web_2", "architecture": "arm64", "macs": ["52:54:00:c4:00:03"], "parameters": {"power_id": "web_2"}}]
    assert order(linked, "virsh", "query", {"power_address": uri, **found[0]["parameters"]}) == "on"
    refusal = refused(linked, "virsh", "list", {"power_address": "test:///nowhere.xml"})
    assert "nowhere" in refusal.message
    assert refused(linked, "virsh", "list", {}).error == "bad input"
    assert refused(linked, "apc", "list", {"power_address": "127.0.0.1", "snmp_community": "x"}).error == "not found"


def test_virsh_without_a_host(linked):
    refusal = refused(linked, "virsh", "on", {"power_address": f"test+tcp://127.0.0.1:{free_port()}/default", "power_id": "test"})
    assert refusal.error == "unavailable" and "cannot be reached" in refusal.message
    for address in ("qemu:///system?command=/bin/sh", "test", "qemu+ssh://-oProxyCommand=x/system"):
        assert refused(linked, "virsh", "on", {"power_address": address, "power_id": "test"}).error == "bad input"


def test_wake_on_lan(linked):
    """The packet itself, as a machine's neighbour sees it on the wire of loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ear:
        ear.bind(("127.0.0.9", 9))
        ear.settimeout(5)
        parameters = {"power_mac": "52:54:00:0A:0b:01", "power_address": "127.0.0.9"}
        assert order(linked, "wakeonlan", "on", parameters) == "unknown"
        assert ear.recv(2000) == b"\xff" * 6 + bytes.fromhex("5254000a0b01") * 16
        assert len(ear.recv(2000)) == len(ear.recv(2000)) == 102  # three in all
        assert order(linked, "wakeonlan", "off", parameters) == "unknown"
        ear.settimeout(0.5)
        with pytest.raises(TimeoutError):
            ear.recv(2000)
    assert refused(linked, "wakeonlan", "on", {"power_mac": "x"}).error == "bad input"
