"""Power drivers of chassis, consoles and hypervisors: the stand-ins of power_fakes.py, a real sshd, a real ipmi_sim."""
import re

import pytest

from bmc import Bmc
from power_orders import linked_region, machines_of, order, refused, whole_life
from power_sshd import Console
from regions import free_port

SPY = '''#!/bin/sh
echo "$0 $@" >> {folder}/argv
case " $* " in *" raw "*) exit 0 ;; esac # what ipmi_sim does not know
for word; do
    shift
    case "$word" in
    -B|-T|-b|-t|-m) skip=1 ;; # there is no second BMC behind it
    *) [ "$skip" ] || set -- "$@" "$word"; skip= ;;
    esac
done
exec /usr/bin/ipmitool -C 3 "$@" # of itself it asks ipmi_sim for its ciphers, in vain
'''


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("spies")
    (folder / "argv").touch()
    for name, text in (("ipmitool", SPY), ("ssh", '#!/bin/sh\necho "$0 $@" >> {folder}/argv\nexec /usr/bin/ssh "$@"\n')):
        (folder / name).write_text(text.replace("{folder}", str(folder)))
        (folder / name).chmod(0o755)
    return folder


@pytest.fixture(scope="module")
def linked(authority, folder, tmp_path_factory):
    sets = [f"power.{name}={folder / name}" for name in ("ipmitool", "ssh")]
    with linked_region(authority, tmp_path_factory.mktemp("rackd"), sets) as region:
        yield region
        assert "s3cret" not in (folder / "argv").read_text()
        assert not list(region.rackd.folder.rglob("ask.answer"))


def login(bmc, **changes):
    return {"power_address": bmc.address, "power_user": "root", "power_pass": "s3cret:pw", **changes}


WRONG = {"power_pass": "Geheim17"}


def test_dli(linked, fake):
    bmc = fake("Dli")
    whole_life(linked, "dli", bmc, login(bmc, outlet_id="5"))
    assert order(linked, "dli", "query", login(bmc, outlet_id=5)) == bmc.power  # numbers count as their text
    assert order(linked, "dli", "query", login(bmc, outlet_id="1")) == "on"
    assert refused(linked, "dli", "query", login(bmc, outlet_id="5", **WRONG)).error == "not allowed"
    refusal = refused(linked, "dli", "query", login(bmc, outlet_id="99"))
    assert refusal.error == "bad input" and "outlet_id" in refusal.message
    bmc.fault = 200, "<html></html>", {}
    assert refused(linked, "dli", "on", login(bmc, outlet_id="5")).error == "corrupt data"


def test_msftocs(linked, fake):
    bmc = fake("Ocs")
    whole_life(linked, "msftocs", bmc, login(bmc, blade_id="7"))
    disk, net = ({"bootType": number, "uefi": "false", "persistent": keeps} for number, keeps in (("3", "true"), ("2", "false")))
    assert bmc.boots[:2] == (disk, net)
    host, _, port = bmc.address.partition(":")
    assert order(linked, "msftocs", "query", login(bmc, power_address=host, power_port=port, blade_id="7")) == bmc.power
    assert refused(linked, "msftocs", "query", login(bmc, blade_id="7", **WRONG)).error == "not allowed"
    assert refused(linked, "msftocs", "query", login(bmc, blade_id="8")).error == "bad input"


def test_recs_box(linked, fake):
    bmc = fake("Recs")
    whole_life(linked, "recs_box", bmc, login(bmc, node_id="BB_1_0"))
    assert bmc.sources[:2] == ({"source": "HDD", "persistent": "True"}, {"source": "PXE", "persistent": "False"})
    assert refused(linked, "recs_box", "query", login(bmc, node_id="BB_1_9")).error == "not found"
    assert refused(linked, "recs_box", "on", login(bmc, node_id="BB_1_0", **WRONG)).error == "not allowed"


def test_machines_of_chassis(linked, fake):
    ocs, recs, vsphere = fake("Ocs"), fake("Recs"), fake("VSphere")
    one = {"name": "", "architecture": "amd64", "macs": ["52:54:00:0c:00:01", "52:54:00:0c:00:02"], "parameters": {"blade_id": "7"}}
    assert machines_of(linked, "msftocs", login(ocs)) == [one]
    assert machines_of(linked, "recs_box", login(recs)) == [
        {"name": "", "architecture": "amd64", "macs": ["52:54:00:0e:00:01", "52:54:00:0e:00:02"], "parameters": {"node_id": "BB_1_0"}},
        {"name": "", "architecture": "armhf", "macs": ["52:54:00:0e:00:03"], "parameters": {"node_id": "BB_1_1"}}]
    assert machines_of(linked, "vmware", login(vsphere, power_protocol="https+unverified")) == [
        {"name": "other", "architecture": "amd64", "macs": ["52:54:00:0f:00:01"], "parameters": {"power_uuid": "uuid-8"}},
        {"name": "vm <2>", "architecture": "amd64", "macs": ["52:54:00:0f:00:02"], "parameters": {"power_uuid": "uuid-2"}}]
    ucsm, hmcz = fake("Ucsm"), fake("Hmcz")
    ucs = login(ucsm, power_address=f"https://{ucsm.address}/", power_pass="s3cret:<pw")
    assert machines_of(linked, "ucsm", ucs) == [
        {"name": "", "architecture": "amd64", "macs": ["00:25:b5:00:00:01", "00:25:b5:00:00:02"], "parameters": {"uuid": "uuid-1"}},
        {"name": "", "architecture": "amd64", "macs": ["00:25:b5:00:00:03"], "parameters": {"uuid": "uuid-3"}}]
    assert machines_of(linked, "hmcz", login(hmcz)) == [
        {"name": "part 2x", "architecture": "s390x", "macs": ["02:d2:4d:80:01:0a"], "parameters": {"power_partition_name": "part 2x"}},
        {"name": "part 2", "architecture": "s390x", "macs": ["02:d2:4d:80:02:0a", "02:d2:4d:80:02:0b"],
         "parameters": {"power_partition_name": "part 2"}}]
    assert vsphere.sessions == ucsm.sessions == hmcz.sessions == 0
    for driver, bmc, parameters in (("ucsm", ucsm, ucs), ("hmcz", hmcz, login(hmcz))):
        assert refused(linked, driver, "list", {**parameters, **WRONG}).error == "not allowed"
        bmc.fault = 200, "<html>", {}
        assert refused(linked, driver, "list", parameters).error == "corrupt data"
    for driver, bmc in (("msftocs", ocs), ("recs_box", recs)):
        assert refused(linked, driver, "list", login(bmc, **WRONG)).error == "not allowed"
        bmc.fault = 200, "<html>", {}
        assert refused(linked, driver, "list", login(bmc)).error == "corrupt data"


def test_openbmc(linked, fake):
    bmc = fake("OpenBmc")
    whole_life(linked, "openbmc", bmc, login(bmc))
    assert bmc.boot == {"BootMode": "Regular", "BootSource": "Network"} and bmc.sessions == 0
    assert refused(linked, "openbmc", "query", login(bmc, **WRONG)).error == "not allowed"


def test_hmcz(linked, fake):
    bmc = fake("Hmcz")
    parameters = login(bmc, power_partition_name="part 2")
    whole_life(linked, "hmcz", bmc, parameters)
    bmc.status = "terminated"  # it must be stopped first
    before = len(bmc.changes())
    assert order(linked, "hmcz", "on", parameters) == "on"
    assert [call[1].rpartition("/")[2] for call in bmc.changes()[before:]] == ["stop", "start"] and bmc.sessions == 0
    # machines are looked through once in each order
    assert len([call for call in bmc.asked if call[1] == "/api/cpcs"]) == len([call for call in bmc.asked if call[1] == "/api/sessions"])
    assert refused(linked, "hmcz", "query", {**parameters, "power_partition_name": "part"}).error == "not found"
    assert refused(linked, "hmcz", "query", {**parameters, **WRONG}).error == "not allowed"


def test_sm15k(linked, fake, folder):
    bmc = fake("SeaMicro")
    whole_life(linked, "sm15k", bmc, login(bmc, system_id="3", power_control="restapi2"))
    assert refused(linked, "sm15k", "query", login(bmc, system_id="3", power_control="restapi2", **WRONG)).error == "not allowed"
    old = login(bmc, system_id="3", power_control="restapi")
    assert order(linked, "sm15k", "off", old) == "unknown" and bmc.power == "off"
    assert order(linked, "sm15k", "cycle", old) == "unknown" and bmc.power == "on"
    assert order(linked, "sm15k", "query", old) == "unknown"
    assert refused(linked, "sm15k", "on", {**old, "system_id": "4"}).error == "not found"
    assert refused(linked, "sm15k", "on", {**old, **WRONG}).error == "not allowed"
    assert order(linked, "sm15k", "off", {**old, "power_address": "127.0.0.9", "power_control": "ipmi"}) == "unknown"
    line = (folder / "argv").read_text().splitlines()[-1]
    assert line.endswith(" raw 0x2e 1 0x00 0x7d 0xab 6 0 3") and " -H 127.0.0.9 -p 623 " in line
    for address, where in (("[::1]", " -H ::1 -p 623 "), ("[::1]:624", " -H ::1 -p 624 ")):
        assert order(linked, "sm15k", "off", {**old, "power_address": address, "power_control": "ipmi"}) == "unknown"
        assert where in (folder / "argv").read_text().splitlines()[-1]


def test_a_long_url_with_a_secret(linked):
    """Longer than an error's text, and just as long: it is told without what stands in it."""
    address = f"127.0.0.1:{free_port()}"
    start = len(f"http://{address}/v2.0/servers/3/0?username=root&password=Geheim17")
    for rest in (*("a" * (size - start) for size in (508, 509, 510, 511, 512)), "%" * 170):
        user, password = "root" + rest[240:], "Geheim17" + rest[:240]
        parameters = {"power_address": address, "power_user": user, "power_pass": password, "system_id": "3", "power_control": "restapi2"}
        refusal = refused(linked, "sm15k", "query", parameters)
        assert refusal.error == "unavailable" and "password" not in refusal.message


def test_ucsm(linked, fake):
    bmc = fake("Ucsm")
    parameters = login(bmc, power_address=f"https://{bmc.address}/", uuid="uuid-1", power_pass="s3cret:<pw")
    whole_life(linked, "ucsm", bmc, parameters)
    assert bmc.sessions == 0
    assert refused(linked, "ucsm", "query", {**parameters, "uuid": "uuid-2"}).error == "not found"
    assert refused(linked, "ucsm", "query", {**parameters, **WRONG}).error == "not allowed"
    bmc.profile = ""
    assert "no service profile" in refused(linked, "ucsm", "cycle", parameters).message


@pytest.mark.parametrize("which", [{"power_vm_name": "vm <2>"}, {"power_uuid": "uuid-1"}, {"power_uuid": "uuid-2"}])
def test_vmware(linked, fake, which):
    bmc = fake("VSphere")
    parameters = login(bmc, power_protocol="https+unverified", **which)
    if "power_vm_name" in which:
        whole_life(linked, "vmware", bmc, parameters)
    assert order(linked, "vmware", "off", parameters) == "off" and bmc.power == "off"
    assert order(linked, "vmware", "on", parameters) == "on" and bmc.power == "on" and bmc.sessions == 0


def test_vmware_refused(linked, fake):
    bmc = fake("VSphere", vms={"vm-1": ("twin", "a", "b"), "vm-2": ("twin", "c", "d")})
    host, _, port = bmc.address.partition(":")
    good = login(bmc, power_address=host, power_port=port, power_protocol="https+unverified", power_uuid="c")
    assert order(linked, "vmware", "query", good) == "off"
    assert refused(linked, "vmware", "on", {**good, **WRONG}).error == "not allowed"
    assert refused(linked, "vmware", "on", {**good, "power_uuid": "e"}).error == "not found"
    twin = {**good, "power_uuid": "", "power_vm_name": "twin"}
    assert refused(linked, "vmware", "on", twin).error == "bad input"
    assert refused(linked, "vmware", "on", {**twin, "power_vm_name": "nobody"}).error == "not found"
    assert refused(linked, "vmware", "on", {**twin, "power_vm_name": ""}).error == "bad input"
    assert refused(linked, "vmware", "on", {**good, "power_protocol": "gopher"}).error == "bad input"
    assert refused(linked, "vmware", "on", {**good, "power_protocol": ""}).error == "not allowed"  # a certificate nobody signed
    bmc.fault = 200, "<!DOCTYPE x [<!ENTITY e 'e'>]><x>&e;</x>", {}
    assert refused(linked, "vmware", "on", good).error == "corrupt data"


@pytest.mark.parametrize("pulls", [False, True])
def test_amt(linked, fake, pulls):
    bmc = fake("Amt", pulls=pulls)
    parameters = {"power_address": bmc.address, "power_pass": "s3cret:pw"}
    whole_life(linked, "amt", bmc, parameters)
    assert bmc.boots[:2] == (("ChangeBootOrder", "Intel(r) AMT: Force PXE Boot"), ("SetBootConfigRole", "1"))
    assert refused(linked, "amt", "query", {**parameters, **WRONG}).error == "not allowed"
    bmc.value, bmc.power = 5, "off"
    assert "answers 5 to ChangeBootOrder" in refused(linked, "amt", "on", parameters).message


def test_moonshot(linked, folder, tmp_path):
    bmc = Bmc(tmp_path / "bmc")
    try:
        parameters = {"power_address": f"{bmc.address}:{bmc.port}", "power_user": bmc.user, "power_pass": bmc.password,
                      "power_hwaddress": "-B 0 -T 0x88 -b 7 -t 0x72 -m 0x20"}
        bmc.power = "0"
        assert order(linked, "moonshot", "query", parameters) == "off"
        assert order(linked, "moonshot", "on", parameters) == "on" and bmc.power == "1"
        assert " -B 0 -T 0x88 -b 7 -t 0x72 -m 0x20 chassis power on" in (folder / "argv").read_text()
        assert order(linked, "moonshot", "off", parameters) == "off"
        assert refused(linked, "moonshot", "off", {**parameters, "power_pass": "wrong"}).error == "not allowed"
        for address in ("-B 0 -f /etc/shadow", "-B 300", "0x88", "-B"):
            assert refused(linked, "moonshot", "query", {**parameters, "power_hwaddress": address}).error == "bad input"
    finally:
        bmc.close()


@pytest.fixture(scope="module")
def console():
    console = Console("s3cret:pw")
    yield console
    console.close()
    console.remove()


CONSOLES = {"wedge": {}, "mscm": {"node_id": "c1n1"}, "hmc": {"server_name": "sys 1", "lpar": "lp-1"}}


def at(console, driver, **changes):
    return {"power_address": f"127.0.0.1:{console.port}", "power_user": "admin", "power_pass": "s3cret:pw", **CONSOLES[driver], **changes}


@pytest.mark.parametrize("driver", CONSOLES)
def test_consoles(linked, console, driver):
    parameters = at(console, driver)
    console.power = "off"
    assert order(linked, driver, "on", parameters) == "on" and console.power == "on"
    typed = len(console.changes())
    assert order(linked, driver, "on", parameters) == "on" and len(console.changes()) == typed
    assert order(linked, driver, "off", parameters) == "off" and console.power == "off"


def test_nodes_of_a_moonshot(linked, console):
    parameters = {key: value for key, value in at(console, "mscm").items() if key != "node_id"}
    assert machines_of(linked, "mscm", parameters) == [
        {"name": "", "architecture": architecture, "macs": macs, "parameters": {"node_id": node}} for node, architecture, macs in (
            ("c1n1", "amd64", ["a0:1d:48:b5:04:34", "a0:1d:48:b5:04:35"]), ("c45n1", "arm64", ["a0:1d:48:b5:05:01"]),
            ("c45n2", "arm64", ["a0:1d:48:b5:05:02"]))]
    assert refused(linked, "mscm", "list", {**parameters, **WRONG}).error == "not allowed"


def test_consoles_refused(linked, console):
    refusal = refused(linked, "hmc", "query", at(console, "hmc", lpar="nobody"))
    assert refusal.error == "input/output error" and "HSCL1234" in refusal.message
    assert refused(linked, "hmc", "query", at(console, "hmc", **WRONG)).error == "not allowed"
    assert refused(linked, "wedge", "query", at(console, "wedge", power_address=f"127.0.0.1:{free_port()}")).error == "unavailable"
    for label in ("x'; reboot; '", "$(reboot)", "a\nb", "-o off"):
        assert refused(linked, "hmc", "query", at(console, "hmc", lpar=label)).error == "bad input"
    assert "reboot" not in (console.folder / "typed").read_text()


def test_a_console_with_another_key(linked, console):
    assert order(linked, "wedge", "query", at(console, "wedge")) in ("on", "off")
    console.close()
    console.start()
    refusal = refused(linked, "wedge", "query", at(console, "wedge"))
    assert refusal.error == "not allowed" and "another host key" in refusal.message
    known = re.search(r"remove it from (\S+)", refusal.message)[1]
    open(known, "w", encoding="utf-8").close()
    assert order(linked, "wedge", "query", at(console, "wedge")) in ("on", "off")
