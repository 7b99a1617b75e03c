"""The metadata service: an unknown machine from its first boot to New with hardware, and who may read or say what."""
import copy
import json
import re

import pytest

from conftest import Client
from test_machines import new_mac

SCRIPT = "20-maas-03-machine-resources"
ENLIST = "/MAAS/metadata/latest/enlist-preseed/?op=get_enlist_preseed"
REPORT = {
    "inventory_version": 1, "agent_version": "0.1.0", "architecture": "amd64/generic", "kernel_release": "6.1.0-44-cloud-amd64",
    "boot_method": "uefi", "secure_boot": True,
    "system": {"vendor": "QEMU", "product": "Standard PC", "version": "pc-q35", "serial": None, "sku": None, "family": None,
               "uuid": "b3f0a9a0-6f0f-4e0e-9d53-8d1f4f8b2f10"},
    "mainboard": {"vendor": None, "product": None, "version": None, "serial": None},
    "chassis": {"vendor": "QEMU", "type": 1, "version": "pc-q35", "serial": None},
    "firmware": {"vendor": "SeaBIOS", "version": "1.16.2", "date": "04/01/2014"},
    "cpu": {"model": "QEMU TCG CPU", "sockets": 1, "cores": 2, "threads": 2, "max_mhz": 2400},
    "memory": {"installed_bytes": 1073741824, "usable_bytes": 1009909760},
    "numa": [{"index": 0, "memory_bytes": 1009909760, "cpus": [0, 1]}],
    "disks": [{"name": "vda", "model": None, "serial": "disk0", "vendor": None, "firmware_version": None, "size_bytes": 4294967296,
               "block_size": 512, "rotational": True, "removable": False, "read_only": False,
               "id_path": "/dev/disk/by-id/virtio-disk0", "address": "0000:00:04.0", "numa_node": 0}],
    "interfaces": [],
    "pci": [{"address": "0000:00:02.0", "class": "020000", "vendor_id": "1af4", "product_id": "1000", "vendor": "Red Hat, Inc.",
             "product": "Virtio network device", "driver": "virtio-pci", "numa_node": 0},
            {"address": "0000:00:04.0", "class": "010000", "vendor_id": "1af4", "product_id": "1001", "vendor": "Red Hat, Inc.",
             "product": None, "driver": None, "numa_node": None},
            {"address": "0000:1f:1e.3", "class": "0c0330", "vendor_id": "8086", "product_id": "15e9", "vendor": "Intel Corporation",
             "product": "USB Controller", "driver": "xhci_hcd", "numa_node": 1}],
    "usb": [{"address": "1-1", "bus_number": 1, "device_number": 2, "class": "00", "vendor_id": "0627", "product_id": "0001",
             "vendor": "QEMU", "product": "QEMU USB Tablet", "serial": None},
            {"address": "1-2", "bus_number": None, "device_number": None, "class": None, "vendor_id": None, "product_id": None,
             "vendor": None, "product": None, "serial": None}]}


def report_of(*macs):
    report = copy.deepcopy(REPORT)
    report["interfaces"] = [
        {"name": f"eth{i}", "mac": mac, "boot": i == 0, "driver": "virtio_net", "link": i == 0, "speed_mbps": 10000 if i == 0 else None,
         "mtu": 1500, "vendor": "Red Hat, Inc.", "product": "Virtio network device", "firmware_version": None,
         "address": f"0000:00:0{i + 2}.0", "numa_node": 0} for i, mac in enumerate(macs)]
    return report


class Machine:
    """What gantry-agent does, from one address, behind the rack's proxy."""

    def __init__(self, api, address, *macs):
        self.api, self.address, self.macs, self.key, self.system_id = api, address, macs, None, None

    def request(self, method, path, body=None, headers=None, key=None):
        headers = {"X-Forwarded-For": f"{self.address}, 10.0.0.21", "X-Gantry-Hop": "1", "Host": "10.77.0.21:5240", **(headers or {})}
        return Client(self.api.path, key).request(method, path, body, headers)

    def enlist(self):
        body = f"architecture=amd64/generic&mac_addresses={','.join(self.macs)}&commission=false&boot_method=uefi"
        reply = self.request("POST", "machines/", body, {"Content-Type": "application/x-www-form-urlencoded"})
        assert reply.status == 200, reply.text
        self.system_id = reply.json()["system_id"]

    def preseed(self, system_id=None):
        return self.request("GET", f"/MAAS/metadata/latest/by-id/{system_id or self.system_id}/?op=get_preseed")

    def take_key(self):
        reply = self.preseed()
        assert reply.status == 200, reply.text
        found = dict(re.findall(r"(\w+_key|\w+_secret): '(\w+)'", reply.text))
        self.key = f"{found['consumer_key']}:{found['token_key']}:{found['token_secret']}"

    def signal(self, *parts, key=None):
        boundary = "gantry7f3"
        body = b""
        for name, value in parts:
            file = f'; filename="{name}"\r\nContent-Type: application/json' if isinstance(value, bytes) else ""
            body += f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'.encode()
            body += (value if isinstance(value, bytes) else value.encode()) + b"\r\n"
        body += f"--{boundary}--\r\n".encode()
        return self.request("POST", "/MAAS/metadata/2012-03-01/", body, {"Content-Type": f'multipart/form-data; boundary="{boundary}"'},
                            key or self.key)

    def report(self, report, exit_status="0"):
        content = report if isinstance(report, bytes) else json.dumps(report).encode()
        return self.signal(("op", "signal"), ("status", "WORKING"), ("name", SCRIPT), ("exit_status", exit_status), ("runtime", "1.25"),
                           (SCRIPT, content))

    def done(self, **extra):
        return self.signal(("op", "signal"), ("status", "OK"), *extra.items())

    def read(self):
        return self.api.admin.get(f"machines/{self.system_id}/").json()


@pytest.fixture
def machine(api):
    number = int(api.sql("SELECT count(*) FROM node")) + 10
    made = Machine(api, f"10.77.0.{number}", new_mac(), new_mac())
    made.enlist()
    made.take_key()
    return made


def test_an_unknown_machine_becomes_new_with_hardware(api):
    api.sql("INSERT INTO subnet (name, vlan_id, cidr) VALUES ('prov', 5001, '10.76.0.0/24')")
    mac, second = new_mac(), new_mac()
    boot = {"mac": mac, "address": "10.76.0.100", "firmware": "uefi", "hardware_uuid": None}
    answer = api.rack("boot_config", **boot)
    assert (answer["purpose"], answer["system_id"], answer["hostname"]) == ("enlist", None, "maas-enlist")
    assert (answer["kernel"], answer["initrd"], answer["root"], answer["keep"]) == ("vmlinuz", "initrd.gz", "root.squashfs", False)
    assert answer["preseed"] == ENLIST and "init=/sbin/gantry-agent" in answer["options"]
    machine = Machine(api, "10.76.0.100", mac, second)
    preseed = machine.request("GET", ENLIST)
    assert preseed.text.startswith("#cloud-config\n") and "http://10.77.0.21:5240/MAAS/metadata/" in preseed.text
    assert "consumer_key" not in preseed.text
    machine.enlist()
    first = machine.system_id
    machine.enlist()
    assert machine.system_id == first
    again = api.rack("boot_config", **boot)
    assert again["purpose"] == "commissioning" and again["preseed"].endswith(f"/by-id/{first}/?op=get_preseed")
    machine.take_key()
    # names have changed places since the enlistment: the second interface is eth0 now
    assert machine.report(report_of(second.upper(), mac)).text == "OK"
    assert machine.done().text == "OK"
    read = machine.read()
    assert (read["status_name"], read["cpu_count"], read["cpu_speed"], read["memory"]) == ("New", 2, 2400, 1024)
    assert read["hardware_uuid"] == REPORT["system"]["uuid"] and read["bios_boot_method"] == "uefi"
    assert read["hardware_info"]["system_vendor"] == "QEMU" and read["hardware_info"]["chassis_type"] == "1"
    assert read["hardware_info"]["mainboard_vendor"] == "Unknown" and len(read["hardware_info"]) == 18
    assert read["numanode_set"] == [{"index": 0, "memory": 963, "cores": [0, 1], "hugepages_set": []}]
    disk, = read["physicalblockdevice_set"]
    assert (disk["name"], disk["size"], disk["serial"], disk["id_path"]) == ("vda", 4294967296, "disk0", "/dev/disk/by-id/virtio-disk0")
    assert disk["tags"] == ["rotary"] and read["boot_disk"] == disk and read["storage"] == 4294.967296
    assert {i["name"]: i["mac_address"] for i in read["interface_set"]} == {"eth0": second, "eth1": mac}
    assert read["boot_interface"]["mac_address"] == second and read["boot_interface"]["link_speed"] == 10000
    assert next(i for i in read["interface_set"] if i["mac_address"] == mac)["vlan"]["id"] == 5001
    assert read["commissioning_status_name"] == "Passed" and read["current_commissioning_result_id"]
    assert read["status_message"] == "Hardware reported - 2 CPUs, 1024 MiB of memory, 1 disk, 2 interfaces"
    # it has reported: its disk is its own business now, and its key is not given away again
    assert api.rack("boot_config", **boot) == {"purpose": "local", "system_id": first, "hostname": read["hostname"], "keep": True}
    assert machine.preseed().status == 403
    types = [event["type"] for event in api.admin.get("events/?op=query", id=first, level="DEBUG").json()["events"]]
    assert types[::-1] == ["Node enlisted", "PXE Request", "Hardware reported", "PXE Request"]


def test_statuses_boot_as_they_should(api, machine):
    boot = {"mac": machine.macs[0], "address": machine.address, "firmware": "bios", "hardware_uuid": None}
    for status, purpose in ((8, "poweroff"), (4, "poweroff"), (6, "local"), (1, "commissioning"), (0, "commissioning")):
        api.sql(f"UPDATE node SET status = {status} WHERE system_id = '{machine.system_id}'")
        assert api.rack("boot_config", **boot)["purpose"] == purpose
    assert machine.read()["bios_boot_method"] == "pxe"
    api.admin.post("tags/", name="opts", kernel_opts="nomodeset")
    api.admin.post("tags/opts/?op=update_nodes", add=machine.system_id)
    assert api.rack("boot_config", **boot)["options"].endswith(" nomodeset")
    for params in ({}, {"mac": 5}, {"mac": "x"}, {"mac": machine.macs[0], "address": ["x"]}):
        assert "error" in api.rack("boot_config", **params)


def test_events_of_racks(api, machine):
    assert api.rack("event", type="NODE_TFTP_REQUEST", description="a\nb", mac=machine.macs[0]) == {}
    event = api.admin.get("events/?op=query", id=machine.system_id, level="DEBUG").json()["events"][0]
    assert (event["type"], event["description"]) == ("TFTP Request", "a b (rack1)")
    assert "error" in api.rack("event", type="NO_SUCH", description="")
    assert api.rack("event", type="RACK_NOTICE", description="hello") == {}


def test_a_machine_never_reads_the_key_of_another(api, machine):
    other = Machine(api, "10.77.9.9", new_mac())
    other.enlist()
    other.take_key()
    assert other.preseed(machine.system_id).status == 403
    assert other.key.split(":")[2] not in machine.preseed().text
    for headers in ({}, {"X-Forwarded-For": "10.77.9.9"}, {"X-Forwarded-For": f"{machine.address}, 10.77.9.9"}):
        reply = api.nobody.request("GET", f"/MAAS/metadata/latest/by-id/{machine.system_id}/?op=get_preseed", headers=headers)
        assert reply.status == 403 and "secret" not in reply.text, headers
    assert machine.preseed("nobody").status == 404
    # an enlistment that is repeated from elsewhere does not move its home
    thief = Machine(api, "10.77.9.10", *machine.macs)
    thief.enlist()
    assert thief.system_id == machine.system_id and thief.preseed().status == 403
    # a rack that sees it boot elsewhere does, and so does a lease
    api.rack("boot_config", mac=machine.macs[0], address="10.77.9.11", firmware="bios")
    assert machine.preseed().status == 403
    machine.address = "10.77.9.11"
    assert machine.preseed().status == 200
    # who asks from an address that was leased to one of its MACs is the machine; from no other, and not for longer
    api.sql(f"""WITH net AS (INSERT INTO subnet (name, cidr, vlan_id) VALUES ('leased', '10.77.9.0/24', 5001) RETURNING id)
        INSERT INTO dhcp_lease (ip, mac_address, subnet_id, expires)
        SELECT '10.77.9.12', '{machine.macs[0]}', id, now() + interval '1 hour' FROM net""")
    for machine.address, status in (("10.77.9.12", 200), ("10.77.9.13", 403), ("10.77.9.9", 403)):
        assert machine.preseed().status == status, machine.address
    machine.address = "10.77.9.12"
    api.sql("UPDATE dhcp_lease SET expires = now() - interval '1 second' WHERE ip = '10.77.9.12'")
    assert machine.preseed().status == 403


def test_keys_speak_for_their_machine_alone(api, machine):
    other = Machine(api, "10.77.8.8", new_mac())
    other.enlist()
    other.take_key()
    webhook = f"/MAAS/metadata/status/{machine.system_id}"
    body = json.dumps({"event_type": "start", "origin": "cloudinit", "name": "init-local/check-cache", "description": "d"})
    assert machine.request("POST", webhook, body, {"Content-Type": "application/json"}, machine.key).status == 204
    assert other.request("POST", webhook, body, {"Content-Type": "application/json"}, other.key).status == 403
    assert machine.request("POST", webhook, body).status == 401
    broken = machine.key[:-1] + ("a" if machine.key[-1] != "a" else "b")
    assert machine.request("POST", webhook, body, key=broken).status == 401
    for bad in ("{", "[]", '{"event_type": "start"}'):
        assert machine.request("POST", webhook, bad, key=machine.key).status == 400
    assert other.request("GET", "/MAAS/metadata/2012-03-01/meta-data/instance-id", key=other.key).text == other.system_id
    # a machine's key is no person's key, and the other way round
    assert machine.request("GET", "machines/", key=machine.key).status == 401
    assert machine.request("GET", f"machines/{other.system_id}/?op=power_parameters", key=machine.key).status == 401
    assert machine.signal(("op", "signal"), ("status", "OK"), key=api.key).status == 403
    assert machine.request("POST", "/MAAS/metadata/2012-03-01/", "op=signal&status=OK",
                           {"Content-Type": "application/x-www-form-urlencoded"}).status == 401
    # it dies with its machine
    assert api.admin.delete(f"machines/{other.system_id}/").status == 204
    assert other.request("GET", "/MAAS/metadata/2012-03-01/meta-data/instance-id", key=other.key).status == 401


def test_a_replay_changes_nothing(api, machine):
    assert machine.report(report_of(*machine.macs)).status == 200 and machine.done().status == 200
    before = machine.read()
    forged = report_of(*machine.macs)
    forged["cpu"]["threads"] = 64
    assert machine.report(forged).text == "OK" and machine.done(error="forged").text == "OK"
    assert machine.read() == before


def test_cloud_init_finds_what_it_asks_for(api, machine):
    def get(path, key=machine.key):
        return machine.request("GET", "/MAAS/metadata/" + path, key=key)

    assert get("").text == "2012-03-01\nlatest" and get("2012-03-01/").status == 200
    assert get("2012-03-01/meta-data/instance-id").text == machine.system_id
    assert get("/2012-03-01/meta-data/local-hostname").text == machine.read()["fqdn"]
    assert get("2012-03-01/meta-data/vendor-data").text == "{}"
    assert get("2012-03-01/meta-data/").text.split("\n")[0] == "instance-id"
    for missing in ("2012-03-01/user-data", "2012-03-01/meta-data/public-keys", "2011-01-01/meta-data/instance-id",
                    "2012-03-01/meta-data/instance-id/x", "latest/by-id/x/y/?op=get_preseed", "latest/enlist-preseed/"):
        assert get(missing).status == 404, missing
    assert get("2012-03-01/maas-scripts").status == 204
    assert get("2012-03-01/meta-data/instance-id", key=None).text == "i-maas-enlistment"
    api.admin.post("account/prefs/sshkeys/", key="ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHVW5W1Q4Q2vY8Tz0m5n1J8m5Xy1kq8v3b2n6c7d8e9f a@b")
    api.sql(f"UPDATE node SET owner_id = (SELECT id FROM account WHERE username = 'admin') WHERE system_id = '{machine.system_id}'")
    keys = get("2012-03-01/meta-data/public-keys")
    assert keys.status in (200, 404) and (keys.status == 404 or keys.text.startswith("ssh-ed25519 "))
    assert get("2012-03-01/meta-data/").text.split("\n")[-1] == "x509" and get("2012-03-01/meta-data/x509").status == 404
    api.sql("""INSERT INTO ssl_key (account_id, key) SELECT id, 'PEM of ' || username FROM account;
        INSERT INTO ssl_key (account_id, key) SELECT id, 'another' FROM account WHERE username = 'admin'""")
    assert get("2012-03-01/meta-data/x509").text == "PEM of admin\nanother"


def test_the_time_of_the_site(api, machine):
    """Who is deployed is told the setting ntp_servers, whatever is in it; who only runs scripts is not."""
    def told():
        data = machine.request("GET", "/MAAS/metadata/2012-03-01/meta-data/vendor-data", key=machine.key).json()
        head, _, config = data.get("cloud-init", "").partition("\nntp: ")
        assert head == ("#cloud-config" if config else ""), data
        return json.loads(config)["servers"] if config else None

    assert told() is None
    api.sql(f"UPDATE node SET status = 6, owner_id = (SELECT id FROM account WHERE username = 'admin') WHERE system_id = '{machine.system_id}'")
    assert told() == ["ntp.ubuntu.com"]
    api.admin.post("maas/?op=set_config", name="ntp_servers", value="10.0.0.1, 2001:db8::1 time.example.com 'x}")
    assert told() == ["10.0.0.1", "2001:db8::1", "time.example.com"]
    api.admin.post("maas/?op=set_config", name="ntp_servers", value="")
    assert told() is None
    api.admin.post("maas/?op=set_config", name="ntp_servers", value="ntp.ubuntu.com")


def test_failures_are_told(api, machine):
    assert machine.signal(("op", "signal"), ("status", "FAILED"), ("error", "no disk found")).status == 200
    read = machine.read()
    assert read["error_description"] == "no disk found" and read["status_name"] == "New"
    assert read["status_message"] == "Failed to report the hardware - no disk found"
    assert machine.preseed().status == 200
    assert machine.report(b"whatever", exit_status="1").status == 200
    assert machine.read()["commissioning_status_name"] == "Failed"
    for parts in ((("op", "signal"),), (("op", "signal"), ("status", "FINE")), (("op", "dance"),),
                  (("op", "signal"), ("status", "OK"), ("name", "x"), ("y", b"not of x")),
                  (("op", "signal"), ("status", "OK"), ("name", "../x")), (("op", "signal"), ("status", "OK"), ("name", "x"), ("runtime", "nan")),
                  (("op", "signal"), ("status", "OK"), ("name", "x"), ("exit_status", "many"))):
        assert machine.signal(*parts).status == 400, parts
    assert machine.signal(("op", "signal"), ("status", "WORKING"), ("name", "x"), ("x", b"a" * (1 << 20 | 1))).status == 413


def broken_reports():
    def change(path, value):
        def apply(report):
            *way, last = path
            for step in way:
                report = report[step]
            if value is KeyError:
                del report[last]
            else:
                report[last] = value
        return apply

    return [change(("inventory_version",), 2), change(("cpu", "threads"), "2"), change(("cpu",), []), change(("disks", 0, "size_bytes"), 0),
            change(("disks", 0, "size_bytes"), -1), change(("disks", 0, "name"), None), change(("disks", 0, "name"), ""),
            change(("disks", 0, "model"), "a\x00b"), change(("disks", 0, "model"), "x" * 256), change(("disks", 0, "model"), KeyError),
            change(("interfaces", 0, "mac"), "52:54"), change(("interfaces", 1, "boot"), True), change(("interfaces", 0, "name"), "~1"),
            change(("interfaces", 1, "name"), "eth0"), change(("numa", 0, "cpus"), [0, "1"]), change(("numa", 0, "cpus"), [0] * 4097),
            change(("memory", "installed_bytes"), 1.5), change(("boot_method",), "tape"), change(("system", "uuid"), {}),
            change(("pci",), [REPORT["pci"][0]] * 1025), change(("pci", 0, "address"), None),
            change(("pci", 0, "address"), "1-1"), change(("pci", 0, "vendor_id"), "8086h"), change(("pci", 0, "class"), KeyError),
            change(("usb", 0, "product_id"), 1), change(("usb", 0, "bus_number"), -1), change(("usb",), None), change(("disks",), [REPORT["disks"][0]] * 2)]


@pytest.mark.parametrize("number", range(len(broken_reports())))
def test_malformed_inventories_are_refused_whole(api, machine, number):
    report = report_of(*machine.macs)
    broken_reports()[number](report)
    reply = machine.report(report)
    assert reply.status == 400 and reply.text.startswith("inventory: "), reply.text
    read = machine.read()
    assert read["cpu_count"] == 0 and read["current_commissioning_result_id"] is None and read["physicalblockdevice_set"] == []


def test_bytes_that_are_no_inventory(api, machine):
    for bad in (b"", b"{", b"[]", b"\xff\xfe", b'{"a":1,"a":2}', b"[" * 3000):
        assert machine.report(bad).status == 400, bad
    assert machine.report(b" " * (512 * 1024 + 1)).status == 413
    other = Machine(api, "10.77.7.7", new_mac())
    other.enlist()
    stolen = machine.report(report_of(machine.macs[0], other.macs[0]))
    assert stolen.status == 409 and "Retry-After" not in stolen.headers
    assert machine.report(report_of(machine.macs[0])).status == 200
    assert [i["mac_address"] for i in machine.read()["interface_set"]] == [machine.macs[0]]
