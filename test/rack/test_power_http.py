"""Power drivers that speak HTTP, against the stand-ins of power_fakes.py."""
import base64

import pytest

import power_fakes
from power_orders import linked_region, machines_of, order, refused, whole_life
from regions import free_port


@pytest.fixture(scope="module")
def linked(authority, tmp_path_factory):
    with linked_region(authority, tmp_path_factory.mktemp("rackd")) as region:
        yield region


def redfish(bmc, **changes):
    return {"power_address": f"https://{bmc.address}", "power_user": "root", "power_pass": "s3cret:pw", **changes}


ONCE = {"BootSourceOverrideEnabled": "Once", "BootSourceOverrideTarget": "Pxe"}


@pytest.mark.parametrize("options", [{}, {"slash": True}, {"allowed": ["On", "ForceOff"]}, {"allowed": ["PushPowerButton", "ForceOff"]},
                                     {"etag_in_body": False}, {"conflicts": 1}])
def test_redfish(linked, fake, options):
    bmc = fake("Redfish", **options)
    whole_life(linked, "redfish", bmc, redfish(bmc))
    assert bmc.boot == ONCE


def test_redfish_names_its_system(linked, fake):
    bmc = fake("Redfish", systems=["a", "b c"])
    refusal = refused(linked, "redfish", "query", redfish(bmc))
    assert refusal.error == "bad input" and "2 systems" in refusal.message and "node_id" in refusal.message
    assert order(linked, "redfish", "query", redfish(bmc, node_id="b c", power_address=bmc.address)) == "off"
    assert refused(linked, "redfish", "query", redfish(bmc, node_id="d")).error == "not found"


@pytest.mark.parametrize("fault, error, text", [
    ((200, b"<html>", {}), "corrupt data", "not a JSON object"),
    ((200, b"[]", {}), "corrupt data", "not a JSON object"),
    ((200, {"Members": [{"@odata.id": "//evil/"}]}, {}), "corrupt data", "no system"),
    ((500, b"oops", {}), "unavailable", "answers 500"),
    ((200, b"x" * (2 << 20), {}), "too large", "exceeds"),
    ((302, b"", {"Location": "/again"}), "unavailable", "redirects"),
])
def test_redfish_that_answers_badly(linked, fake, fault, error, text):
    bmc = fake("Redfish", fault=fault)
    refusal = refused(linked, "redfish", "query", redfish(bmc))
    assert refusal.error == error and text in refusal.message, refusal


def test_redfish_refuses(linked, fake):
    bmc = fake("Redfish")
    refusal = refused(linked, "redfish", "on", redfish(bmc, power_pass="s3cret"))
    assert refusal.error == "not allowed" and "refuses user or password" in refusal.message and not bmc.changes()
    refusal = refused(linked, "redfish", "on", redfish(bmc, power_address=f"127.0.0.1:{free_port()}"), timeout_ms=3000)
    assert refusal.error == "unavailable"
    bmc.conflicts = 99
    assert refused(linked, "redfish", "on", redfish(bmc)).error == "conflict" and bmc.power == "off"


def test_redfish_machine_that_does_not_follow(linked, fake):
    bmc = fake("Redfish", allowed=["On", "ForceOff"])
    reply = bmc.reply
    bmc.reply = lambda method, *rest: (204, "", {}) if method == "POST" else reply(method, *rest)
    refusal = refused(linked, "redfish", "on", redfish(bmc), timeout_ms=3000)
    assert refusal.error == "timed out" and "still off" in refusal.message


def proxmox(bmc, **changes):
    return {"power_address": bmc.address, "power_user": "root@pam", "power_vm_name": "vm a", **changes}


@pytest.mark.parametrize("changes", [
    {"power_pass": "s3cret:pw"}, {"power_token_name": "maas", "power_token_secret": "Geheim17"},
    {"power_token_name": "root@pam!maas", "power_token_secret": "Geheim17", "power_vm_name": "100"},
])
def test_proxmox(linked, fake, changes):
    bmc = fake("Proxmox")
    whole_life(linked, "proxmox", bmc, proxmox(bmc, **changes))


def test_machines_of_proxmox(linked, fake):
    bmc = fake("Proxmox")
    found = machines_of(linked, "proxmox", proxmox(bmc, power_vm_name=None, power_pass="s3cret:pw"))
    assert found == [
        {"name": "other", "architecture": "amd64", "macs": ["bc:24:11:00:00:03"], "parameters": {"power_vm_name": "7"}},
        {"name": "vm a", "architecture": "amd64", "macs": ["bc:24:11:00:00:01", "bc:24:11:00:00:02"], "parameters": {"power_vm_name": "100"}}]
    bmc.others = [{"vmid": 8, "name": "base", "node": "pve1", "type": "qemu", "status": "stopped", "template": 1}]
    assert len(machines_of(linked, "proxmox", proxmox(bmc, power_vm_name=None, power_pass="s3cret:pw"))) == 1
    bmc.others = [{"vmid": 8, "name": "base", "node": "../x", "type": "qemu", "status": "stopped"}]
    assert refused(linked, "proxmox", "list", proxmox(bmc, power_pass="s3cret:pw")).error == "corrupt data"


def test_proxmox_refuses(linked, fake):
    bmc = fake("Proxmox")
    assert refused(linked, "proxmox", "on", proxmox(bmc, power_pass="wrong")).error == "not allowed"
    good = {"power_pass": "s3cret:pw"}
    refusal = refused(linked, "proxmox", "on", proxmox(bmc, power_vm_name="vm b", **good))
    assert refusal.error == "not found" and "vm b: no such machine" in refusal.message
    bmc.others = [{"vmid": 8, "name": "vm a", "node": "pve2", "type": "lxc", "status": "running"}]
    refusal = refused(linked, "proxmox", "on", proxmox(bmc, **good))
    assert refusal.error == "bad input" and "say the VM id" in refusal.message
    bmc.others = [{"vmid": 101, "name": "x", "node": "../..", "type": "lxc", "status": "running"}]
    assert refused(linked, "proxmox", "on", proxmox(bmc, power_vm_name="101", **good)).error == "corrupt data"
    assert refused(linked, "proxmox", "on", proxmox(bmc, power_verify_ssl="y", **good)).error == "not allowed"


def lxd(bmc, **changes):
    return {"power_address": f"https://{bmc.address}", "instance_name": "vm1", "project": "p 1", "certificate": bmc.client.read_text(),
            "key": bmc.client_key.read_text(), **changes}


@pytest.fixture
def lxd_host(fake, tmp_path):
    crt, key = power_fakes.certificate(tmp_path, "client")
    return fake("Lxd", client=crt, client_key=key)


def test_lxd(linked, lxd_host):
    whole_life(linked, "lxd", lxd_host, lxd(lxd_host))


def test_lxd_trust(linked, lxd_host):
    lxd_host.trusted = False
    refusal = refused(linked, "lxd", "query", lxd(lxd_host))
    assert refusal.error == "not allowed" and "does not trust" in refusal.message
    assert refused(linked, "lxd", "query", lxd(lxd_host, password="wrong")).error == "not allowed"
    assert order(linked, "lxd", "query", lxd(lxd_host, password="Geheim17")) == "off"
    refusal = refused(linked, "lxd", "query", lxd(lxd_host, certificate=None))
    assert refusal.error == "bad input" and "certificate and key" in refusal.message
    assert refused(linked, "lxd", "query", lxd(lxd_host, instance_name="vm2")).error == "not found"


def test_webhook(linked, fake):
    bmc = fake("Webhook")
    whole_life(linked, "webhook", bmc, bmc.parameters())
    assert ("POST", "/on?token=Geheim17", "") in bmc.asked


@pytest.mark.parametrize("changes, auth", [
    ({"power_user": "u", "power_pass": "Geheim17"}, "Basic " + base64.b64encode(b"u:Geheim17").decode()),
    ({"power_user": "u", "power_pass": "x", "power_token": "Geheim17"}, "Bearer Geheim17"),
])
def test_webhook_authentication(linked, fake, changes, auth):
    bmc = fake("Webhook", auth=auth)
    assert order(linked, "webhook", "on", bmc.parameters(**changes)) == "on"
    refusal = refused(linked, "webhook", "on", bmc.parameters())
    assert refusal.error == "not allowed" and "/query" in refusal.message


def test_webhook_patterns(linked, fake):
    bmc = fake("Webhook", words={"on": "it glows", "off": "dark"})
    assert order(linked, "webhook", "query", bmc.parameters()) == "unknown"
    glow = bmc.parameters(power_on_regex="glo(w|om)s$", power_off_regex="^dark")
    assert order(linked, "webhook", "on", glow) == "on"
    for pattern in ("a{2}", "(", r"(a)\1"):
        assert refused(linked, "webhook", "query", bmc.parameters(power_on_regex=pattern)).error == "bad input"


def test_webhook_certificate(linked, fake):
    bmc = fake("Webhook", tls=True)
    assert order(linked, "webhook", "query", bmc.parameters(power_verify_ssl="n")) == "off"
    refusal = refused(linked, "webhook", "query", bmc.parameters(power_verify_ssl="y"))
    assert refusal.error == "not allowed" and "certificate" in refusal.message


@pytest.mark.parametrize("changes, text", [
    ({"power_on_uri": "http://u:Geheim17@h/"}, "power_on_uri"), ({"power_on_uri": "file:///etc/passwd"}, "power_on_uri"),
    ({"power_query_uri": "http://h/\r\nX: y"}, "power_query_uri"), ({"power_token": "a\r\nX: y"}, "control characters"),
])
def test_webhook_bad_parameters(linked, fake, changes, text):
    refusal = refused(linked, "webhook", "query", fake("Webhook").parameters(**changes))
    assert refusal.error == "bad input" and text in refusal.message
