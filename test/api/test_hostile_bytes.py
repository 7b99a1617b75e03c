"""Bytes of the hostile: signals, status messages, scripts and uploads that are too large, too many, too deep, or no text. Each is refused
with a short reason, never with an error of ours, nothing of it stays, and what it was sent about goes on."""
import json

import pytest

from conftest import api_that_deploys
from test_hostile import SECRET, VERSION, boots, deploy, named, of, on_wire
from test_life import DEPLOYED, READY, milestone, op, status


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    yield from api_that_deploys(tmp_path_factory.mktemp("images"))


@pytest.fixture(scope="module")
def alice(api):
    return api.user("bytes-alice")


@pytest.fixture(scope="module")
def mallory(api):
    return api.user("bytes-mallory")


NOT_TEXT = (b"\xff\xfe", b"\xc3\x28", b"\xed\xa0\x80", b"\xf8\x88\x80\x80\x80", b"a\xc0\xaf")


def form(**values):
    return "&".join(f"{name}=" + "".join(f"%{byte:02x}" for byte in (value if isinstance(value, bytes) else str(value).encode()))
                    for name, value in values.items())


def post(machine, body, kind="application/x-www-form-urlencoded", path=VERSION):
    return machine.request("POST", path, body, {"Content-Type": kind}, machine.key)


def busy(api, address):
    """A machine in the middle of its commissioning."""
    machine = on_wire(api, address)
    assert op(api.admin, named(machine), "commission").status == 200
    boots(api, machine)
    machine.take_key()
    return machine


def test_signals_of_a_hostile_machine(api):
    """Sizes, counts, names, numbers and bytes that are none: each is refused with a reason, nothing of it stays, its life goes on."""
    machine = busy(api, "10.68.0.10")
    count = f"SELECT count(*) FROM script_result r JOIN node n ON r.script_set_id IN (n.commissioning_set_id, n.testing_set_id, " \
            f"n.installation_set_id) WHERE n.system_id = '{machine.system_id}'"
    before = api.sql(count)
    said = {"op": "signal", "status": "WORKING", "name": "x"}
    refused = [form(**{**said, field: bad}) for field in ("op", "status", "name") for bad in NOT_TEXT]
    refused += [form(**{**said, "name": bad}) for bad in ("n" * 256, "a/b", "../x", "a b", "a\nb", "\x7f")]
    refused += [form(**{**said, "exit_status": bad}) for bad in ("1001", "-1001", "9" * 30, "0x10", "1e3", "1.5", b"\xff")]
    refused += [form(**{**said, "runtime": bad}) for bad in ("inf", "-1", "nan", "1e400", "1e9", "1 s", b"\xff")]
    refused += [form(**{**said, "script_result_id": bad}) for bad in ("-1", "9" * 19, "9" * 30, "1;DROP TABLE node", b"\xff")]
    refused += [form(**{**said, "status": bad}) for bad in ("OK ", "ok", "", "S" * 100000)]
    refused += [form(**said) + "&zero=%00", form(op="signal")]
    for body in refused:
        reply = post(machine, body)
        assert reply.status == 400 and 0 < len(reply.body) < 2000, (body[:200], reply.status, reply.text[:200])
    many = form(**said) + "".join(f"&p{i}=1" for i in range(1100))
    assert post(machine, many).status == 413
    for parts in ([("y", b"of another")], [("x.exe", b"no stream")], [("x/../x", b"")], [("X", b"case")]):
        assert machine.signal(("op", "signal"), ("status", "WORKING"), ("name", "x"), *parts).status == 400, parts
    files = [(f"x{i}", b"") for i in range(1100)]
    assert machine.signal(("op", "signal"), ("status", "WORKING"), ("name", "x"), *files).status == 413
    for kind, body in (("multipart/form-data", b"--x"), ("multipart/form-data; boundary=", b"--\r\n"), ("multipart/form-data; boundary=x", b"--x\r\n"),
                       ("multipart/form-data; boundary=" + "b" * 300, b"x"), ("application/json", b"[" * 100000), ("application/json", b"\xff"),
                       ("application/json", b'{"op": "signal", "status": "\\ud800"}'), ("application/json", b'{"op": "signal", "status": {"a": 1}}')):
        assert post(machine, body, kind).status == 400, (kind, body[:50])
    assert api.sql(count) == before
    assert machine.done().status == 200 and status(api, named(machine)) == READY


def test_what_a_machine_says_went_wrong_is_heard_whatever_it_is(api):
    """A machine that failed says so in bytes of its tools: too long, cut in the middle of a character, no text at all."""
    told = {"a" + "\u00e4" * 800: "a" + "\u00e4" * 499, "\u20ac" * 400: "\u20ac" * 333, "\U0001f600" * 251: "\U0001f600" * 250,
            "x" * 5000: "x" * 1000, b"tool: \xff\xfe!": "tool: ??!", b"\xc3" * 3: "???"}
    for number, (error, kept) in enumerate(told.items()):
        machine = busy(api, f"10.68.1.{number + 10}")
        reply = post(machine, form(op="signal", status="FAILED", error=error))
        assert reply.status == 200, (error, reply.text)
        read = machine.read()
        assert (read["error_description"], read["status_name"]) == (kept, "Failed commissioning")


def test_status_messages_of_a_hostile_machine(api, alice):
    machine = on_wire(api, "10.68.2.10")
    deploy(api, alice, machine)
    path = f"/MAAS/metadata/status/{machine.system_id}"
    sound = {"event_type": "progress", "origin": "o", "name": "n", "description": "d"}
    file = {"path": "/var/log/x", "encoding": "base64", "content": "eA=="}

    def with_files(*files):
        return json.dumps({**sound, "files": list(files)})

    deep = '{"event_type": "start", "origin": "o", "name": "n", "description": "d", "x": ' + "[" * 100000 + "]" * 100000 + "}"
    refused = [b"", b"\xff", b"[]", b"1", b"null", b"{", deep, json.dumps(sound)[:-1] + ', "name": "twice"}', '{"a": "\\u0000"}', '{"a": "\\ud800"}',
               *[json.dumps({**sound, key: value}) for key in sound for value in (None, 1, [], {}, True)],
               *[json.dumps({**sound, key: "@"}).replace('"@"', '"\\u0000"') for key in sound],
               *[json.dumps({**sound, key: "@"}).encode().replace(b"@", bad) for key in sound for bad in NOT_TEXT],
               with_files(*[file] * 9), with_files({**file, "encoding": "gzip"}), with_files({**file, "content": "%"}), with_files({**file, "content": 1}),
               with_files({**file, "path": ""}), with_files({**file, "path": "p" * 256}), with_files({**file, "compression": "bz2"}), with_files(1),
               with_files({"path": "/x"})]
    for body in refused:
        reply = post(machine, body, "application/json", path)
        assert reply.status == 400 and 0 < len(reply.body) < 2000, (body[:200], reply.status, reply.text[:200])
    assert post(machine, json.dumps({**sound, "description": "d" * (1 << 20)}), "application/json", path).status == 413
    long = {**sound, "name": "\u00e4" * 5000, "description": "\x1b[2J\n\u00e4" * 5000, "origin": "o" * 5000, "result": "r" * 5000}
    assert post(machine, json.dumps(long), "application/json", path).status == 204
    event = api.admin.get("events/?op=query", id=machine.system_id, level="DEBUG").json()["events"][0]
    assert len(event["description"].encode()) <= 1000 and not [c for c in event["description"] if c < " "]
    assert post(machine, with_files(file), "application/json", path).status == 204
    assert of(machine, "user-data").body == SECRET
    milestone(api, named(machine), "modules-final")
    assert status(api, named(machine)) == DEPLOYED


def test_bmcs_that_a_hostile_machine_makes_up(api):
    machine = busy(api, "10.68.3.10")

    def say(kind, parameters):
        return post(machine, form(op="signal", status="WORKING", power_type=kind, power_parameters=parameters))

    for kind, parameters in (("virsh", "{}"), ("manual2", "{}"), (b"\xff", "{}"), ("ipmi", ""), ("ipmi", "[]"), ("ipmi", b"\xff"), ("ipmi", "[" * 10000),
                             ("ipmi", '{"power_address": 1}'), ("ipmi", '{"power_address": "-oProxyCommand=x"}'), ("ipmi", '{"power_address": "\\u0000"}'),
                             ("ipmi", json.dumps({"power_address": "10.0.0.1", "x": "y" * 20000})), ("redfish", '{"power_address": ["a"]}'),
                             ("ipmi", '{"power_address": "10.0.0.1", "power_address": "10.0.0.2"}')):
        reply = say(kind, parameters)
        assert reply.status == 400 and len(reply.body) < 2000, (kind, parameters[:60], reply.status, reply.text[:200])
    assert machine.read()["power_type"] == "manual"
    assert machine.done().status == 200 and status(api, named(machine)) == READY


HEADER = "#!/bin/sh\n# --- Start MAAS 1.0 script metadata ---\n{}\n# --- End MAAS 1.0 script metadata ---\n"


def test_hostile_scripts(api):
    """Headers are YAML of strangers: deep, without end, referring to themselves."""
    laughs = "\n".join(["# a0: &a0 [x, x]", *[f"# a{i}: &a{i} [*a{i - 1}, *a{i - 1}, *a{i - 1}, *a{i - 1}]" for i in range(1, 30)]])
    lines = ["# name: [" + "[" * 5000, "# name: {a: *a}", "# name: &a [*a]", laughs, "# name: !!python/object/apply:os.system [x]", "# name: a\n# name: b",
             "# name: x\n# timeout: 99999999999999999999", "# name: x\n# timeout: -1", "# name: x\n# timeout: [1]", "# name: '\x01'",
             "# name: x\n# tags: {a: 1}", "# name: x\n# tags: [[a]]", "# name: x\n# parameters: [a]", "# name: x\n# parameters: {a: {type: shell}}",
             "# name: x\n# parameters: {" + ", ".join(f"p{i}: {{type: string}}" for i in range(17)) + "}",
             "# name: x\n# script_type: 9", "# name: ../x", "# name: " + "n" * 256, "# name: x\n# title: " + "t" * 256, "\u0000", "# " + "x" * 200000]
    for text in [HEADER.format(line).encode() for line in lines] + [HEADER.format("# name: @").encode().replace(b"@", bad) for bad in NOT_TEXT]:
        reply = api.admin.cli("scripts/", ("script", text))
        assert reply.status == 400 and 0 < len(reply.body) < 4000, (text[:200], reply.status, reply.text[:200])
    assert api.admin.cli("scripts/", ("name", "big"), ("script", b"#!/bin/sh\n" + b"#" * (1 << 20))).status in (400, 413)
    assert api.admin.get("scripts/big").status == 404
    assert api.admin.cli("scripts/", ("name", "fits"), ("script", b"#!/bin/sh\n" + b"#" * ((1 << 20) - 10))).status in (200, 201)
    assert api.admin.delete("scripts/fits").status == 204


def test_hostile_uploads(api, mallory):
    """Files of users and images of admins: names, sizes and parts that lie about themselves."""
    for name in ("", "n" * 256, *NOT_TEXT):
        reply = mallory.request("POST", "files/", form(filename=name), {"Content-Type": "application/x-www-form-urlencoded"})
        assert reply.status == 400, name
    image = {"name": "custom/hostile", "title": "t", "architecture": "amd64/generic", "filetype": "tgz", "sha256": "0" * 64, "size": "10"}
    for field, bad in (("sha256", "0" * 63), ("sha256", "g" * 64), ("sha256", b"\xff" * 64), ("size", "-1"), ("size", "0"), ("size", "9" * 30),
                       ("size", "1e3"), ("name", "../../etc"), ("name", "a/b/c"), ("name", b"\xff"), ("name", "n" * 2000),
                       ("architecture", "amd64/../x"), ("architecture", b"\xff"), ("filetype", "exe"), ("title", b"\xff")):
        reply = api.admin.request("POST", "boot-resources/", form(**{**image, field: bad}), {"Content-Type": "application/x-www-form-urlencoded"})
        assert reply.status == 400 and len(reply.body) < 2000, (field, bad, reply.status, reply.text[:200])
    made = api.admin.request("POST", "boot-resources/", form(**image), {"Content-Type": "application/x-www-form-urlencoded"})
    assert made.status == 201, made.text
    found = next(iter(made.json()["sets"].values()))["files"]
    uri = next(iter(found.values()))["upload_uri"]
    octets = {"Content-Type": "application/octet-stream"}
    for body in (b"x" * 11, b"", b"x" * 10):  # too much, nothing, and what has another sha256
        assert api.admin.request("PUT", uri, body, octets).status == 400, body
    assert mallory.request("PUT", uri, b"x" * 10, octets).status == 403
    for other in ("0", "-1", "9" * 30, "1;x", "%ff"):
        assert api.admin.request("PUT", f"boot-resources/{made.json()['id']}/upload/{other}/", b"x", octets).status in (400, 404), other
    assert api.admin.delete(f"boot-resources/{made.json()['id']}/").status == 204
