"""The pieces of scripts/perf/failover_bench: frames, gaps, two holders, rounds on disk, the table, the choice of faults."""
import importlib.machinery
import importlib.util
import json
import pathlib
import socket
import struct
import subprocess
import sys

import pytest

SCRIPTS = pathlib.Path(__file__).resolve().parents[3] / "scripts"
sys.path.insert(0, str(SCRIPTS))
from perfkit import idle, packets, results  # noqa: E402

VIP, CLIENT = "10.89.0.100", "10.89.0.5"
OLD, NEW = bytes.fromhex("02000000000a"), bytes.fromhex("02000000000b")


def arp(sender, address, target=packets.ARP_MAC, operation=2):
    head = target + sender + struct.pack("!HHHBBH", 0x0806, 1, 0x0800, 6, 4, operation)
    return head + sender + socket.inet_aton(address) + target + socket.inet_aton(packets.ARP_ADDRESS)


def ip(sender, address, protocol, payload):
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), 0, 0, 64, protocol, 0)
    return b"\2" * 6 + sender + b"\x08\0" + head + socket.inet_aton(address) + socket.inet_aton(CLIENT) + payload


def tcp(flags):
    return struct.pack("!HHIIBBHHH", 5240, 999, 0, 0, 0x50, flags, 0, 0, 0)


@pytest.mark.parametrize("frame, answer", [
    (arp(OLD, VIP), ("arp", OLD.hex(":"))), (arp(OLD, "10.89.0.101"), None), (arp(OLD, VIP, operation=1), None),
    (arp(OLD, VIP, target=b"\xff" * 6), None),  # an announcement is no answer
    (ip(NEW, VIP, 1, b"\0" * 8), ("icmp", NEW.hex(":"))), (ip(NEW, VIP, 1, b"\x08" + b"\0" * 7), None),
    (ip(NEW, VIP, 6, tcp(0x12)), ("tcp", NEW.hex(":"))), (ip(NEW, VIP, 6, tcp(0x14)), None), (ip(NEW, CLIENT, 6, tcp(0x12)), None),
    (b"", None), (arp(OLD, VIP)[:30], None), (ip(NEW, VIP, 6, b""), None)])
def test_answers(frame, answer):
    assert packets.answer_of(frame, VIP) == answer


def test_the_echo_request_has_its_checksum():
    for number in (0, 1, 0xffff, 70000):
        total = sum(struct.unpack("!4H", packets.echo_request(number)))
        assert (total & 0xffff) + (total >> 16) == 0xffff


def test_gaps():
    answers = [(1.0, "tcp", "a"), (1.1, "arp", "a"), (2.0, "tcp", "a"), (2.5, "tcp", "b"), (4.5, "tcp", "b")]
    assert packets.gap_s(answers, "tcp", 0, 9) == 2.0
    assert packets.gap_s(answers, "tcp", 0, 3) == 1.0 and packets.gap_s(answers, "tcp", 2.1, 3) == 0.5
    assert packets.gap_s(answers, "arp", 0, 9) == float("inf")


def those(text, step=0.01):
    """Answers, a letter each, step apart."""
    return [(number * step, "arp", letter) for number, letter in enumerate(text)]


@pytest.mark.parametrize("answers, overlap", [
    (those("aaaa"), 0), (those("aaabbb"), 0), (those("aabbcc"), 0),
    (those("aabba"), 0.02), (those("aababb"), 0.02), (those("abababab"), 0.06),
    (those("ab") + [(5.0, "arp", "a")], 0),  # handed back later
    ([], 0)])
def test_two_holders(answers, overlap):
    assert packets.overlap_s(answers) == pytest.approx(overlap)


def test_rounds_are_taken_up_by_the_same_programs_only(tmp_path):
    path = tmp_path / "new" / "r.json"
    first = results.Results(path, {"programs": "1"})
    first.take_up()
    first.add("one/new", {"unit": "ms", "value": 3})
    first.add("one/new", {"error": "no"})
    same, other = results.Results(path, {"programs": "1"}), results.Results(path, {"programs": "2"})
    same.take_up()
    other.take_up()
    assert (same.count("one/new"), same.count("two"), other.count("one/new")) == (2, 0, 0)
    assert json.loads(path.read_text())["cells"] == same.cells


def test_the_table():
    rows = [{"unit": "ms", "value": value, "lost": lost, "twice": 0, "notes": {"arp": value / 2}}
            for value, lost in ((300, 0), (100, 1), (200, 0))]
    head, line, *_ = results.table({"gone/new": [*rows, {"error": "x"}], "idle": []})
    assert head.split() == list(results.HEAD)
    assert line.split() == ["gone", "new", "3", "1", "200", "ms", "300", "ms", "1", "0", "arp", "100..150"]


def test_written_bytes_count_those_of_ended_children(tmp_path):
    if subprocess.run(["stat", "-fc", "%T", tmp_path], capture_output=True, text=True, check=True).stdout.strip() == "tmpfs":
        pytest.skip("memory is not written to")
    before = idle.writes(["self"])
    subprocess.run(["dd", "if=/dev/zero", f"of={tmp_path}/f", "bs=64K", "count=16", "conv=fsync", "status=none"], check=True)
    assert idle.written_bytes(before, idle.writes(["self"])) >= 1 << 20


def test_written_bytes_of_postgres_are_those_of_its_calls_and_of_new_processes_all():
    before = {1: (1000, 500, False), 2: (1000, 500, True)}
    now = {1: (9000, 700, False), 2: (9000, 700, True), 3: (4096, 4096, True)}
    assert idle.written_bytes(before, now) == 8000 + 200 + 4096


def bench():
    loader = importlib.machinery.SourceFileLoader("failover_bench", str(SCRIPTS / "perf" / "failover_bench"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("failover_bench", loader))
    loader.exec_module(module)
    return module


def test_faults_are_chosen_by_pattern():
    known = ["cut-in/new", "cut-in/kept", "cut-out/new", "vip-heal", "idle"]
    assert bench().chosen(["cut-in", "idle"], known) == ["cut-in/new", "cut-in/kept", "idle"]
    assert bench().chosen(["*/new", "vip-*"], known) == ["cut-in/new", "cut-out/new", "vip-heal"]
    with pytest.raises(SystemExit, match="cut-up: there is no such fault"):
        bench().chosen(["cut-up"], known)


@pytest.mark.parametrize("row, good", [
    ({"value": 1, "lost": 0, "twice": 0, "notes": {"two answer": 0}}, True), ({"error": "x"}, False), ({"value": 1, "lost": 1}, False),
    ({"value": 1, "twice": 1}, False), ({"value": 1, "notes": {"two answer": 3}}, False)])
def test_what_counts_as_good(row, good):
    assert bench().is_good(row) == good
