"""The gantry program against a real region's API: every list is a table whose columns are there."""
import json
import os
import re
import socket
import subprocess
import threading
import time

import pytest

from conftest import BUILD, Client


class Door:
    """A TCP port in front of the API's unix socket, as HAProxy is."""

    def __init__(self, path):
        self.path = path
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}/MAAS/"
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            region = socket.socket(socket.AF_UNIX)
            region.connect(self.path)
            for one, other in ((client, region), (region, client)):
                threading.Thread(target=self.carry, args=(one, other), daemon=True).start()

    @staticmethod
    def carry(one, other):
        while chunk := one.recv(65536):
            other.sendall(chunk)
        other.shutdown(socket.SHUT_WR)

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


@pytest.fixture(name="gantry", scope="module")
def make_gantry(api, tmp_path_factory):
    folder = tmp_path_factory.mktemp("cli")
    door = Door(api.path)
    environment = {**os.environ, "HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}

    def run(*argv, profile="admin"):
        return subprocess.run([BUILD / "gantry", "--profile", profile, *argv], env=environment, text=True, capture_output=True,
                              timeout=60, check=False)

    bob = api.user("bob")
    for name, key in (("admin", api.key), ("bob", bob.key)):
        assert run("login", name, door.url, key).returncode == 0
    api.admin.post("machines/", hostname="box", architecture="amd64/generic", power_type="manual", commission="false",
                   mac_addresses="52:54:00:00:00:01", description="in the corner")
    api.sql("""INSERT INTO node (system_id, hostname, node_type, domain_id, zone_id) SELECT 'node' || k, 'node-' || k, k, 0, 1
            FROM generate_series(1, 4) k;
        INSERT INTO block_device (node_id, name, size, block_size) SELECT id, 'sda', 1000, 512 FROM node WHERE hostname = 'box';
        INSERT INTO subnet (name, cidr, vlan_id) VALUES ('one', '10.1.0.0/16', 5001), ('two', '10.2.0.0/16', 5001)""")
    one, two = api.sql("SELECT id FROM subnet ORDER BY id").split()
    for path, params in (("ipranges/", {"type": "reserved", "start_ip": "10.1.0.2", "end_ip": "10.1.0.9", "subnet": one}),
                         ("reservedips/", {"ip": "10.1.3.1", "mac_address": "52:54:00:00:00:09", "subnet": one}),
                         ("static-routes/", {"source": one, "destination": two, "gateway_ip": "10.1.0.1"}),
                         ("tags/", {"name": "big"}), ("spaces/", {"name": "inner"}),
                         ("notifications/", {"message": "{n} boxes", "context": '{"n": 3}', "user": "admin"})):
        reply = api.admin.post(path, **params)
        assert reply.status == 200, (path, reply.text)
    assert api.admin.cli("files/", ("filename", "kept"), ("file", b"x")).status == 201
    yield run
    door.close()


def subjects(gantry):
    text = gantry("--help").stdout.split("The API, with a profile")[1].split("as in:")[0]
    return re.findall(r"[a-z-]+", text.split("\n", 1)[1])


def lists(gantry):
    """Subjects that can be listed without saying of what."""
    for subject in subjects(gantry):
        usage = gantry(subject, "--help").stdout
        if re.search(r"^  list  ", usage, re.MULTILINE):
            yield subject


def test_every_list_is_a_table_of_what_is_there(gantry):
    listed = {subject: gantry(subject, "list") for subject in lists(gantry)}
    assert len(listed) >= 14
    assert {subject: result.stderr for subject, result in listed.items() if result.returncode or result.stderr} == {
        "sshkey": "none\n", "sslkey": "none\n", "boot-resource": "none\n", "node-result": "none\n"}
    for subject, result in listed.items():
        rows = json.loads(gantry(subject, "list", "--json").stdout)
        lines = result.stdout.splitlines()
        objects = [row for row in rows if isinstance(row, dict)]  # others are one word a line, without a heading
        assert len(lines) == len(rows) + bool(objects), result.stdout
        for row in objects[:1]:
            for heading in re.split(r"  +", lines[0].strip()):
                name = heading.lower().replace(" ", "_")
                nested = {f"{key}_{inner}" for key, value in row.items() if isinstance(value, dict) for inner in value}
                assert name in row or name in nested, (subject, heading)
            assert str(row.get("id", row.get("system_id", row.get("name", row.get("username", row.get("filename")))))) in lines[1]


def test_what_a_notification_names_is_filled_in(gantry):
    assert " 3 boxes " in gantry("notification", "list").stdout
    assert json.loads(gantry("notification", "list", "--json").stdout)[0]["message"] == "{n} boxes"


def test_events_are_a_table_too(gantry):
    shown = gantry("event", "query", "limit=2", "hostname=box").stdout.splitlines()
    assert shown[0].split() == ["ID", "CREATED", "LEVEL", "HOSTNAME", "TYPE", "DESCRIPTION"]
    assert len(shown) == 2 and " box " in shown[1]
    whole = json.loads(gantry("event", "query", "--json").stdout)
    assert set(whole) == {"count", "events", "next_uri", "prev_uri"}
    nothing = gantry("event", "query", "hostname=nobody")
    assert (nothing.returncode, nothing.stdout, nothing.stderr) == (0, "", "none\n")


@pytest.mark.parametrize("words, profile, status, text", [
    (["machine", "read", "nope"], "admin", 4, "No Machine matches"),
    (["zone", "create"], "admin", 2, "name: This field is required."),
    (["zone", "create", "name=default"], "admin", 2, "name"),
    (["zone", "create", "name=mine"], "bob", 3, "reserved for admin users"),
    (["user", "create", "username=x"], "bob", 3, "reserved for admin users"),
    (["subnet", "create", "cidr=10.1.0.0/16"], "admin", 2, "cidr"),
    (["zone", "delete", "default"], "admin", 2, "default zone"),
])
def test_refusals_are_one_line_and_a_status(gantry, words, profile, status, text):
    result = gantry(*words, profile=profile)
    assert (result.returncode, result.stdout) == (status, ""), result.stderr
    assert result.stderr.startswith("gantry: ") and result.stderr.count("\n") == 1 and text in result.stderr


def test_how_a_machine_is_to_be_deployed(api, gantry, tmp_path):
    """What is set beforehand, and a file that is sent and read again."""
    made = api.admin.post("machines/", hostname="setup", architecture="amd64", power_type="manual", commission="false",
                          mac_addresses="52:54:00:00:00:08").json()["system_id"]
    api.sql(f"UPDATE node SET status = 4 WHERE system_id = '{made}'; INSERT INTO block_device (node_id, name, size, block_size) "
            f"SELECT id, 'vda', 8 * 10^9, 512 FROM node WHERE system_id = '{made}'")
    assert gantry("machine", "set-storage-layout", made, "storage_layout=lvm", "vg_name=data").returncode == 0
    shown = json.loads(gantry("--json", "machine", "mount-special", made, "fstype=tmpfs", "mount_point=/x").stdout)
    assert [one["mount_point"] for one in shown["special_filesystems"]] == ["/x"]
    assert gantry("machine", "restore-default-configuration", made).returncode == 0
    assert gantry("machine", "read", made).stdout and gantry("machine", "unmount-special", made, "mount_point=/x").returncode == 2
    source = tmp_path / "state"
    source.write_bytes(b"one\n")
    assert gantry("file", "create", "filename=state", f"file@={source}").returncode == 0
    assert gantry("file", "get", "filename=state").stdout == "one\n"
    assert gantry("file", "delete", "filename=state").returncode == 0 and gantry("file", "get", "filename=state").returncode == 4


def test_wait_stays_until_it_has_ended(api, gantry):
    """Progress on stderr, the machine as it is in the end on stdout, and a failure is one."""
    made = api.admin.post("machines/", architecture="amd64", power_type="manual", commission="false", mac_addresses="52:54:00:00:00:02").json()
    path = f"machines/{made['system_id']}/"

    def commissioned(word, **params):
        found = {}
        waiter = threading.Thread(target=lambda: found.update(run=gantry("--json", "--wait", "machine", "commission", made["system_id"])))
        waiter.start()
        deadline = time.monotonic() + 20
        while api.admin.get(path).json()["status_name"] != "Commissioning":
            assert time.monotonic() < deadline
            time.sleep(0.05)
        token = api.admin.get(path + "?op=get_token").json()
        machine = Client(api.path, ":".join(token[part] for part in ("consumer_key", "token_key", "token_secret")))
        assert machine.post("/MAAS/metadata/2012-03-01/", op="signal", status=word, **params).status == 200
        waiter.join(20)
        return found["run"]

    run = commissioned("FAILED", error="no disk")
    assert run.returncode == 1 and run.stderr.endswith("Failed commissioning: no disk\n"), run.stderr
    assert json.loads(run.stdout)["status_name"] == "Failed commissioning" and "Commissioning: " in run.stderr
    run = commissioned("OK")
    assert run.returncode == 0 and json.loads(run.stdout)["status_name"] == "Ready", run.stderr
    assert gantry("--wait", "machine", "list").returncode == 2


def test_keys_and_passwords_come_from_files(gantry, tmp_path):
    (tmp_path / "id.pub").write_text("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGb9gXcA2B2mO7ZkGGZEQe8jT8u0zJ5W1nYw3Q1rUv2s me@here\n")
    (tmp_path / "password").write_text("from a file\n")
    made = json.loads(gantry("sshkey", "create", f"key@={tmp_path}/id.pub", "--json", profile="bob").stdout)
    assert made["key"].endswith(" me@here") and gantry("sshkey", "delete", str(made["id"]), profile="bob").returncode == 0
    assert gantry("user", "create", "username=eve", "email=e@x", "is_superuser=0", f"password@={tmp_path}/password").returncode == 0
    shown = gantry("account", "list-authorisation-tokens", profile="bob").stdout
    assert len(shown.split()[-1]) == 18 + 18 + 32 + 2
    device = json.loads(gantry("device", "create", "mac_addresses=52:54:00:00:01:01", "--json", profile="bob").stdout)
    assert device["hostname"] in gantry("device", "list", profile="bob").stdout
    assert gantry("device", "delete", device["system_id"], profile="bob").returncode == 0
