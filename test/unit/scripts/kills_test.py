"""The pieces of scripts/kills: what it sees on a cable, what it holds against a life, which points it takes."""
import pathlib
import random
import re
import socket
import struct
import subprocess
import sys

import pytest

SCRIPTS = pathlib.Path(__file__).resolve().parents[3] / "scripts"
sys.path.insert(0, str(SCRIPTS))
from labkit import judge, kill_points, kills, life, under_fire, wire  # noqa: E402
from labkit.plan import Plan  # noqa: E402
from labkit.system import LabError  # noqa: E402

RACK, MACHINE = "10.77.0.21", "10.77.0.100"


@pytest.fixture(name="cable")
def make_cable(tmp_path):
    plan = Plan("a", tmp_path)
    made = object.__new__(wire.Wire)
    made.machine, made.changed = plan.machines[0], wire.threading.Condition()
    made.dhcp, made.transfers, made.posts, made._tftp, made._http = [], [], [], {}, {}
    return made


def frame(source, target, protocol, body):
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(body), 0, 0, 64, protocol, 0)
    return bytes(12) + b"\x08\x00" + head + socket.inet_aton(source) + socket.inet_aton(target) + body


def udp(source, target, ports, body):
    return frame(source, target, 17, struct.pack("!HHHH", *ports, 8 + len(body), 0) + body)


def tcp(source, target, ports, body):
    return frame(source, target, 6, struct.pack("!HHIIBBHHH", *ports, 0, 0, 0x50, 0, 0, 0, 0) + body)


def take(cable, packet, size=None):
    cable.take(packet[:wire.SNAP], size or len(packet))


def dhcp(kind, mac, server=RACK, address=MACHINE):
    body = bytearray(240)
    body[4:8], body[16:20] = b"\1\2\3\4", socket.inet_aton(address)
    body[28:34] = bytes.fromhex(mac.replace(":", ""))
    return bytes(body) + bytes([53, 1, kind, 54, 4]) + socket.inet_aton(server) + b"\xff"


def test_dhcp_of_this_machine_is_seen(cable):
    take(cable, udp(RACK, "255.255.255.255", (67, 68), dhcp(2, cable.machine.mac)))
    take(cable, udp(RACK, "255.255.255.255", (67, 68), dhcp(2, "52:54:00:00:00:99")))
    take(cable, udp("0.0.0.0", "255.255.255.255", (68, 67), dhcp(3, cable.machine.mac)))
    assert [(message["type"], message["server"]) for message in cable.dhcp] == [("offer", RACK), ("request", RACK)]


def test_transfers_are_counted(cable):
    take(cable, udp(MACHINE, RACK, (2000, 69), b"\0\1/images/vmlinuz\0octet\0"))
    take(cable, udp(RACK, MACHINE, (40000, 2000), b"\0\3\0\1" + bytes(1400)))
    take(cable, tcp(MACHINE, RACK, (3000, 5248), b"GET /images/vmlinuz HTTP/1.1\r\nRange: bytes=100-\r\n\r\n"))
    big = tcp(RACK, MACHINE, (5248, 3000), bytes(20000))
    take(cable, big)
    take(cable, tcp(RACK, MACHINE, (5248, 3001), bytes(999)))  # of a connection whose request was not seen
    assert [(one["proto"], one["name"], one["bytes"], one["from"]) for one in cable.transfers] == [
        ("tftp", "images/vmlinuz", 1400, 0), ("http", "images/vmlinuz", 20000, 100)]
    assert cable.transfer(0, "vmlinuz", 20000) is cable.transfers[1]
    assert cable.transfer(2, "vmlinuz", 1) is None


def test_posts_are_searched_from_a_mark_on(cable):
    take(cable, tcp(MACHINE, RACK, (3000, 5240), b'{"name": "modules-final", "event_type": "start"}'))
    assert cable.posted(0, b"modules-final", b"finish") is None
    take(cable, tcp(MACHINE, RACK, (3000, 5240), b'{"name": "modules-final", "event_type": "finish"}'))
    assert cable.posted(0, b"modules-final", b"finish")[0] == RACK
    assert cable.posted(cable.marks()[2], b"modules-final") is None


@pytest.mark.parametrize("packet", [b"", bytes(13), bytes(60), frame(RACK, MACHINE, 17, b"\0"), frame(RACK, MACHINE, 6, bytes(9)),
                                    udp(RACK, MACHINE, (67, 68), bytes(239)), udp(RACK, MACHINE, (67, 68), bytes(240) + b"\x35\xff")])
def test_strange_frames_do_no_harm(cable, packet):
    take(cable, packet)
    assert not cable.dhcp and not cable.transfers


def test_strange_words_of_this_machine_do_no_harm(cable):
    take(cable, udp(RACK, MACHINE, (67, 68), dhcp(2, cable.machine.mac)[:240] + b"\x35\x00\xff"))
    take(cable, tcp(MACHINE, RACK, (3000, 5248), b"GET \r\n\r\n"))
    assert not cable.dhcp and [one["name"] for one in cable.transfers] == [""]


@pytest.mark.parametrize("orders, started, wrong", [
    (["on"], 1, 0), (["off", "on"], 1, 0), (["on", "off", "on"], 2, 0), (["on", "on"], 2, 1), (["on", "off", "on"], 1, 1),
    (["off", "off"], 0, 1)])
def test_orders_at_a_bmc(orders, started, wrong):
    assert len(judge.orders_wrong(orders, started)) == wrong


def test_work_that_ends_with_power_on():
    kinds = (SCRIPTS.parent / "src" / "model" / "operation_kind.c").read_text(encoding="utf-8")
    assert sorted(judge.POWERING) == sorted(re.findall(r'^    \{"(\w+)", \{"off", "on"\}', kinds, re.M))


def test_orders_are_told_apart(tmp_path):
    machine = Plan("a", tmp_path).machines[0]
    machine.folder.mkdir()
    machine.orders.write_text("1.0 power 1\n2.0 power 0\n3.0 shutdown 1\n4.0 reset 1\n", encoding="ascii")
    record = object.__new__(judge.Record)
    record.machine, record.first_order = machine, 0
    assert record.power_orders() == ["on", "off", "shutdown", "reset"]


def test_a_database_that_does_not_answer_is_asked_again(tmp_path, monkeypatch):
    plan, answers = Plan("a", tmp_path), [None, "1|a\n2|b"]
    monkeypatch.setattr(judge, "newest_status", lambda _: {"primary": {"name": "region1"}})
    monkeypatch.setattr(judge, "sql", lambda *_: answers.pop(0))
    assert judge.ask(plan, "SELECT") == [["1", "a"], ["2", "b"]]
    answers[:] = [""]
    assert judge.ask(plan, "SELECT") == []


def test_a_database_that_never_answers_is_no_good_news(tmp_path, monkeypatch):
    monkeypatch.setattr(judge, "ANSWER_S", 0.1, raising=False)
    monkeypatch.setattr(judge, "newest_status", lambda _: None)
    record = object.__new__(judge.Record)
    record.plan, record.system_id, record.since = Plan("a", tmp_path), "abc", "now"
    with pytest.raises(LabError):
        record.double_results()


def record_of(monkeypatch, operations, events, orders):
    record = object.__new__(judge.Record)
    for name, value in (("operations", operations), ("events", events), ("power_orders", orders), ("double_results", []),
                        ("unfinished_results", [])):
        monkeypatch.setattr(record, name, lambda value=value: value, raising=False)
    record.sets = lambda kind: 1
    return record


DONE = ("deploy", "ended", "", "")
MOVES = [("NODE_CHANGED_STATUS", "From 'Deploying' to 'Deployed'"), ("NODE_POWERED_ON", "")]


@pytest.mark.parametrize("operations, events, orders, wrong", [
    ([DONE], MOVES, ["on"], None),
    ([DONE, ("deploy", "ended", "", "1")], [*MOVES, MOVES[1], ("NODE_STARTED_AGAIN", "")], ["on", "off", "on"], None),
    ([DONE, DONE], MOVES, ["on"], "work that was begun"),
    ([DONE], [*MOVES, MOVES[0]], ["on"], "moved twice"),
    ([DONE], [*MOVES, MOVES[1]], ["on"], "events of power on"),
    ([("deploy", "open", "", "")], MOVES, ["on"], "still open"),
    ([("deploy", "ended", "no rack", "")], MOVES, ["on"], "no rack"),
    ([DONE, ("deploy", "ended", "", "1")], MOVES, ["on"], "1 new starts, 0 events"),
])
def test_what_is_held_against_a_life(monkeypatch, operations, events, orders, wrong):
    found = record_of(monkeypatch, operations, events, orders).wrong(("deploy",))
    assert found == [] if wrong is None else wrong in found[0], found


def test_an_address_of_two_machines():
    def cable_with(mac, address):
        made = object.__new__(wire.Wire)
        made.machine = Plan("a", "/nowhere").machines[0]
        made.machine.mac, made.dhcp = mac, [{"type": "ack", "address": address}]
        return made
    assert judge.addresses_wrong([cable_with("a", MACHINE), cable_with("b", "10.77.0.101")]) == []
    assert judge.addresses_wrong([cable_with("a", MACHINE), cable_with("b", MACHINE)]) == [f"{MACHINE} was given to a and b"]


def test_a_life_that_cannot_begin_leaves_nothing_running(tmp_path, monkeypatch):
    stopped = []

    class Stopped:
        def __init__(self, *_):
            pass

        def stop(self):
            stopped.append(type(self).__name__)

    class Silent(Stopped):
        def goes_on(self, _):
            raise LabError("no answers of the API")
    monkeypatch.setattr(under_fire, "Writer", Silent)
    monkeypatch.setattr(under_fire, "Wire", Stopped)
    with pytest.raises(LabError, match="no answers"):
        under_fire.UnderFire(Plan("a", tmp_path, machines=2), "a:b:c", print)
    assert stopped == ["Stopped", "Stopped", "Silent"]


def test_choosing_points():
    assert len(kill_points.choose("all", None)) == len({point.name for point in kill_points.POINTS}) == 12
    assert [point.name for point in kill_points.choose("frozen,dhcp", None)] == ["dhcp", "frozen"]
    assert kill_points.choose("random", random.Random(3)) == kill_points.choose("random", random.Random(3))
    with pytest.raises(LabError, match="there is no nothing; there are import"):
        kill_points.choose("dhcp,nothing", None)


def test_the_points_of_the_documentation():
    text = (SCRIPTS.parent / "docs" / "operations.md").read_text(encoding="utf-8")
    table = text.partition("| point | who dies, when |")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| `([\w-]+)` \| ([^|]+) \| [^|]+ \|$", table, re.M)
    assert rows == [(point.name, point.what) for point in kill_points.POINTS]


def test_a_point_that_passed_unseen_leaves_nothing_prepared(tmp_path, monkeypatch):
    fire, ran = object.__new__(under_fire.UnderFire), []
    fire.rows, fire.tell, fire.scene = [], lambda text: None, under_fire.Scene(Plan("a", tmp_path, racks=2), print)
    monkeypatch.setattr(kill_points, "run", lambda *argv, **_: ran.append(argv))
    fire.finish(under_fire.Outcome(next(point for point in kill_points.POINTS if point.name == "blob")))
    assert fire.rows[0]["problems"] == [under_fire.UNSEEN]
    assert [argv[argv.index("tc"):][:3] for argv in ran] == [("tc", "qdisc", "del")] * 2


def test_of_a_life_with_several_points_only_the_last_may_lead_to_its_end():
    for part in kill_points.PARTS:
        inside = [point for point in kill_points.POINTS if point.part == part and point.goal == "Deployed"]
        assert all(point.past for point in inside[:-1]), part


@pytest.mark.parametrize("argv, text", [(["--resume"], "--resume needs --json"), (["--json", "/nowhere/at/all"], "there is no folder")])
def test_wrong_options(argv, text, capsys):
    with pytest.raises(SystemExit):
        kills.parse(argv)
    assert text in capsys.readouterr().err


def test_what_a_rack_has_from_a_region(tmp_path, monkeypatch):
    plan = Plan("a", tmp_path, regions=2, racks=1)
    text = ("0      0      10.89.0.21:40000   10.89.0.12:5252 \n\t cubic bytes_acked:1 bytes_received:70 segs_out:1\n"
            "0      0      10.89.0.21:40001   10.89.0.99:5252 \n\t cubic bytes_received:9\n"
            "0      0      [::ffff:10.89.0.21]:40002   [::ffff:10.89.0.11]:5252 \n\t cubic bytes_received:8\n")
    monkeypatch.setattr(kill_points, "run", lambda *_, **__: subprocess.CompletedProcess([], 0, text))
    assert kill_points.fetched(plan.racks[0], plan.regions) == {("rack1", "40000", "region2"): 70, ("rack1", "40002", "region1"): 8}


def test_the_command_line():
    done = subprocess.run([SCRIPTS / "kills", "--points", "nothing"], capture_output=True, text=True, check=False, timeout=10)
    assert done.returncode == 2 and "there is no nothing" in done.stderr


def test_the_built_in_system(tmp_path):
    plan = Plan("a", tmp_path)
    folder = plan.regions[0].data / "images"
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text('{"files": [{"kind": "kernel", "file": "k"}, '
                                          '{"kind": "root-image", "os": "debian", "release": "trixie"}]}')
    assert life.built_in(plan) == "debian/trixie"


def test_firmware_of_each_machine(tmp_path):
    plan = Plan("a", tmp_path, machines=3, firmware="bios,uefi")
    assert [machine.firmware for machine in plan.machines] == ["bios", "uefi", "bios"]
    with pytest.raises(LabError, match="firmware 'bios,none'"):
        Plan("a", tmp_path, firmware="bios,none")
