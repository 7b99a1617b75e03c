"""What a lab leaves behind that was not taken down in order."""
import pathlib
import re
import subprocess
import sys

SCRIPTS = pathlib.Path(__file__).resolve().parents[3] / "scripts"
sys.path.insert(0, str(SCRIPTS))
from labkit import hosts  # noqa: E402
from labkit.plan import Plan  # noqa: E402


def test_notes_of_hosts_that_are_gone(tmp_path, monkeypatch):
    monkeypatch.setattr(hosts, "NOTES", tmp_path)
    monkeypatch.setattr(hosts, "netns_exists", lambda name: name == "a-region1")
    for name in ("a-region1", "a-region2", "b-rack1"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "held").touch()
    hosts.forget_left()
    assert [path.name for path in tmp_path.iterdir()] == ["a-region1"]


def segments():
    return {int(line.split()[1]): int(line.split()[0]) & 0xffffffff for line in hosts.SEGMENTS.read_text().splitlines()[1:]}


def test_the_segment_of_a_killed_postgresql(tmp_path):
    made = subprocess.run(["ipcmk", "-M", "56"], check=True, text=True, capture_output=True).stdout
    number = int(re.search(r"\d+", made)[0])
    try:
        region = Plan("a", tmp_path).regions[0]
        hosts.release_memory(region)  # no PostgreSQL was there
        note = region.data / "pg" / "postmaster.pid"
        note.parent.mkdir(parents=True)
        key = segments()[number]
        note.write_text(f"1\n/x\n0\n5253\n/run\n10.0.0.1\n {key + 1} {number}\nready\n")  # of before a reboot
        hosts.release_memory(region)
        assert number in segments()
        note.write_text(f"1\n/x\n0\n5253\n/run\n10.0.0.1\n {key} {number}\nready\n")
        hosts.release_memory(region)
        assert number not in segments()
    finally:
        subprocess.run(["ipcrm", "-m", str(number)], check=False, capture_output=True)
