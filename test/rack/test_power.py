"""Power orders over a link, carried out by ipmitool on a real ipmi_sim."""
import concurrent.futures
import time
import urllib.error
import urllib.request
import uuid

import pytest

from bmc import Bmc
from power_orders import order, refused
from regions import Refusal, free_port, wait_for


@pytest.fixture(scope="module")
def bmc(tmp_path_factory):
    bmc = Bmc(tmp_path_factory.mktemp("bmc"))
    yield bmc
    bmc.close()


@pytest.fixture
def linked(make_region, make_rackd):
    region = make_region()
    region.rackd = make_rackd(region)
    wait_for("the link", lambda: "linked, 127.0.0.1" in region.rackd.text())
    return region


def use_ipmitool(region, program):
    """Start the rack again with another program in the place of ipmitool."""
    program.chmod(0o755)
    region.rackd.close()
    region.rackd.sets.append(f"power.ipmitool={program}")
    before = len(region.calls)
    region.rackd.start()
    wait_for("the link", lambda: len(region.calls) > before and region.link)


def test_on_query_cycle_off(linked, bmc):
    parameters = bmc.parameters()
    bmc.power = "0"
    assert order(linked, "ipmi", "query", parameters) == "off"
    assert order(linked, "ipmi", "on", parameters) == "on"
    assert bmc.power == "1" and (bmc.folder / "boot").read_text() == "pxe"
    assert order(linked, "ipmi", "query", parameters) == "on"
    before = len(bmc.asked)
    assert order(linked, "ipmi", "cycle", parameters) == "on"
    assert "set power 0" in bmc.asked[before:]
    assert order(linked, "ipmi", "off", parameters) == "off"
    assert bmc.power == "0"
    assert order(linked, "ipmi", "cycle", parameters) == "on"  # what is off is turned on
    before = len(bmc.asked)
    assert order(linked, "ipmi", "on", parameters) == "on"  # again: nothing is done
    assert not [line for line in bmc.asked[before:] if line.startswith("set")]


def test_password_is_not_in_argv_or_log(linked, bmc, tmp_path):
    """A tool that shows what it was given, in the place of ipmitool."""
    spy = tmp_path / "ipmitool"
    spy.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/argv\nexec /usr/bin/ipmitool "$@"\n')
    use_ipmitool(linked, spy)
    assert order(linked, "ipmi", "query", bmc.parameters()) in ("on", "off")
    assert bmc.password not in (tmp_path / "argv").read_text()
    assert bmc.password not in linked.rackd.text()


@pytest.mark.parametrize("changes, error, text", [
    ({"power_pass": "wrong"}, "not allowed", "refuses the password"),
    ({"power_user": "nobody"}, "not allowed", "does not know the user"),
    ({"privilege_level": "USER"}, "not allowed", "privilege_level is too low"),
    ({"cipher_suite_id": "17"}, "bad input", "cipher_suite_id"),
    ({"cipher_suite_id": "12"}, "bad input", "cipher_suite_id"),
    ({"k_g": "secret"}, "not allowed", "K_g"),
    ({"power_driver": "LAN", "power_pass": "wrong"}, "not allowed", "refuses user or password"),
    ({"power_address": ""}, "bad input", "power_address: This field is required."),
    ({"power_address": "bmc.example"}, "bad input", "power_address"),
])
def test_what_the_bmc_refuses(linked, bmc, changes, error, text):
    bmc.power = "0"
    refusal = refused(linked, "ipmi", "on", bmc.parameters(**changes))
    assert refusal.error == error and text in refusal.message, refusal


def test_ipmi_1_5(linked, bmc):
    bmc.power = "0"
    assert order(linked, "ipmi", "query", bmc.parameters(power_driver="LAN")) == "off"


def test_nobody_at_the_address(linked, bmc):
    start = time.monotonic()
    refusal = refused(linked, "ipmi", "on", bmc.parameters(power_port=free_port()), timeout_ms=4000)
    assert refusal.error == "unavailable" and "does not answer" in refusal.message
    assert time.monotonic() - start < 6


def test_machine_that_does_not_follow(linked, bmc):
    bmc.power = "0"
    (bmc.folder / "stuck").touch()
    try:
        refusal = refused(linked, "ipmi", "on", bmc.parameters(), timeout_ms=3000)
    finally:
        (bmc.folder / "stuck").unlink()
    assert refusal.error == "timed out" and "still off" in refusal.message


def test_no_ipmitool(make_region, make_rackd, bmc):
    region = make_region()
    make_rackd(region, sets=["power.ipmitool=/nowhere/ipmitool"])
    wait_for("the link", lambda: region.link)
    refusal = refused(region, "ipmi", "on", bmc.parameters())
    assert "install ipmitool" in refusal.message


def test_the_same_request_is_done_once(linked, bmc):
    bmc.power = "1"
    request, before = str(uuid.uuid4()), len(bmc.asked)
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        states = list(pool.map(lambda _: order(linked, "ipmi", "cycle", bmc.parameters(), request=request), range(3)))
    assert states == ["on", "on", "on"]
    assert order(linked, "ipmi", "cycle", bmc.parameters(), request=request) == "on"
    assert bmc.asked[before:].count("set power 0") == 1


def test_orders_for_one_bmc_follow_each_other(linked, bmc, tmp_path):
    """At no time two tools talk to the same BMC, while another BMC is served."""
    spy = tmp_path / "ipmitool"
    spy.write_text(f'#!/bin/sh\necho + >> {tmp_path}/turns\n/usr/bin/ipmitool "$@"; rv=$?\n'
                   f'echo - >> {tmp_path}/turns\nexit $rv\n')
    use_ipmitool(linked, spy)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda _: order(linked, "ipmi", "query", bmc.parameters()), range(8))) <= {"on", "off"}
    assert (tmp_path / "turns").read_text().split() == ["+", "-"] * 8


def test_looks_that_nobody_waits_for(linked, bmc, tmp_path):
    """BMCs that hang have three places; who waits for an order does not wait for them."""
    spy = tmp_path / "ipmitool"
    spy.write_text(f'#!/bin/sh\ncase "$*" in *" -p {bmc.port} "*) exec /usr/bin/ipmitool "$@" ;; esac\n'
                   f'echo + >> {tmp_path}/hang\nsleep 3\nexit 1\n')
    use_ipmitool(linked, spy)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        looks = [pool.submit(refused, linked, "ipmi", "query", bmc.parameters(power_port=port), timeout_ms=2000, background=True)
                 for port in range(1, 9)]
        wait_for("them", lambda: (tmp_path / "hang").exists() and (tmp_path / "hang").read_text().count("+") == 3)
        start = time.monotonic()
        assert order(linked, "ipmi", "query", bmc.parameters()) in ("on", "off")
        assert time.monotonic() - start < 1.5
        assert (tmp_path / "hang").read_text().count("+") == 3
        assert {look.result().error for look in looks} == {"unavailable", "busy"}


def test_manual_and_unknown_drivers(linked):
    assert order(linked, "manual", "on", {}) == "unknown"
    refusal = refused(linked, "abacus", "on", {})
    assert refusal.error == "not found" and "abacus" in refusal.message


@pytest.mark.parametrize("params", [
    {}, {"request": "r"}, {"action": "explode"}, {"timeout_ms": 0}, {"timeout_ms": "1"}, {"timeout_ms": 10**9},
    {"parameters": []}, {"driver": None}, {"system_id": "x" * 100},
])
def test_malformed_orders(linked, bmc, params):
    whole = {"request": str(uuid.uuid4()), "system_id": "xyz", "action": "query", "driver": "ipmi",
             "parameters": bmc.parameters(), "timeout_ms": 5000}
    whole = {**whole, **params} if params else {}
    if list(params) == ["request"]:
        del whole["system_id"]
    with pytest.raises(Refusal) as refusal:
        linked.link.call("power", **whole)
    assert refusal.value.error in ("bad input", "not found")


def test_health(linked):
    def get(path):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{linked.rackd.health_port}{path}", timeout=5) as reply:
                return reply.status, reply.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
    assert get("/livez")[0] == 200
    assert get("/readyz") == (200, "ok: linked, calls go to region1\n")
    order(linked, "manual", "on", {})
    status, text = get("/metrics")
    assert status == 200 and 'gantry_region_linked{region="region1"} 1' in text
    assert 'gantry_power_orders_total{outcome="done"} 1' in text
    linked.close()
    wait_for("not ready", lambda: get("/readyz")[0] == 503)
    assert "region1: " in get("/readyz")[1] and get("/livez")[0] == 200


def test_port_of_health_in_use(make_region, make_rackd):
    region = make_region()
    rackd = make_rackd(region, sets=[f"health.port={region.port}"])
    assert rackd.process.wait(10) != 0
    assert str(region.port) in rackd.text()
