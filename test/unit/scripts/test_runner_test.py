"""scripts/test in a small tree of its own: stages, counts, exit status, resuming, what a stage leaves behind."""
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import time

import pytest

SCRIPTS = pathlib.Path(__file__).resolve().parents[3] / "scripts"
CHECK = """#!/usr/bin/python3
import json, sys
rows = [{"name": "layers", "verdict": "ok"}, {"name": "tidy", "verdict": "%s"}]
json.dump(rows, open(sys.argv[sys.argv.index("--json") + 1], "w"))
"""


@pytest.fixture(name="tree")
def make_tree(tmp_path):
    tree = tmp_path / "tree"
    (tree / "scripts").mkdir(parents=True)
    shutil.copy(SCRIPTS / "test", tree / "scripts" / "test")
    write(tree / "scripts/setup", "#!/bin/sh\n")
    write(tree / "scripts/check", CHECK % "ok")
    write(tree / ".gitignore", "/build/\n__pycache__/\n")
    write(tree / "test/unit/room/a_test.py", "def test_one():\n    pass\n")
    subprocess.run(["git", "init", "-q", tree], check=True)
    return tree


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


def start(tree, *argv):
    environment = {**os.environ, "XDG_CACHE_HOME": str(tree.parent / "cache")}
    return subprocess.Popen([tree / "scripts/test", *argv], env=environment, text=True, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT)


def run(tree, *argv):
    process = start(tree, *argv)
    out = process.communicate()[0]
    return process.returncode, out, out.splitlines()[-1]


def only(*names):
    return [word for name in names for word in ("--only", name)]


def test_stages_are_discovered(tree):
    assert run(tree, "ci", "--list")[1].split() == ["check", "unit", "unit-tsan", "sim", "unit-python"]
    write(tree / "test/api/test_x.py", "")
    write(tree / "test/own/x_test.py", "")
    write(tree / "test/perf/test_p.py", "")
    write(tree / "test/fuzz/frame_fuzz.c", "")
    assert run(tree, "ci", "--list")[1].split() == [
        "check", "unit", "unit-tsan", "sim", "unit-python", "api", "api-tsan", "own", "fuzz-frame"]
    assert run(tree, "quick", "--list")[1].split() == ["check", "unit", "unit-python", "api"]
    assert run(tree, "perf", "--list")[1].split() == ["perf"]


def test_counts_and_results(tree):
    status, out, last = run(tree, *only("check", "unit-python"))
    assert (status, last) == (0, "3 passed, 0 failed"), out
    row = json.loads((tree / "build/results/unit-python.json").read_text())
    assert (row["passed"], row["failed"], row["level"]) == (1, 0, "ci")
    assert json.loads((tree / "build/results/level-ci.json").read_text())["passed"] == 3


def test_what_fails_tells_its_own_words(tree):
    write(tree / "test/unit/room/b_test.py", "def test_two():\n    print('seen ' + 'just before')\n    assert not 'the ' + 'reason'\n")
    write(tree / "test/unit/room/c_test.py", "def test_three():\n    print('of no ' + 'interest')\n")
    status, out, last = run(tree, *only("unit-python"))
    assert (status, last) == (1, "2 passed, 1 failed")
    assert re.search(r"b_test::test_two:\n( +\| .*\n)*.*assert not .*reason", out), out
    assert "| seen just before" in out and "of no interest" not in out


def test_failing_stage_does_not_hide_the_next(tree):
    write(tree / "scripts/check", CHECK % "FAILED")
    status, out, last = run(tree, *only("check", "unit-python"))
    assert (status, last) == (1, "2 passed, 1 failed"), out


def test_failing_build_is_one_failure(tree):
    status, out, last = run(tree, *only("unit", "unit-python"))
    assert (status, last) == (1, "1 passed, 1 failed"), out
    assert "build of debug failed" in out


def test_failing_test_is_named(tree):
    write(tree / "test/unit/room/b_test.py", "def test_bad():\n    assert 1 == 2\n")
    status, out, last = run(tree, *only("unit-python"))
    assert (status, last) == (1, "1 passed, 1 failed")
    assert "b_test::test_bad" in out


def test_broken_test_file_fails(tree):
    write(tree / "test/unit/room/b_test.py", "import gone_module\n")
    status, _, last = run(tree, *only("unit-python"))
    assert status == 1 and re.fullmatch(r"\d+ passed, 1 failed", last)


def test_no_test_at_all_fails(tree):
    status, _, last = run(tree, *only("nothing"))
    assert (status, last) == (1, "0 passed, 0 failed")


def test_failing_setup_fails(tree):
    write(tree / "scripts/setup", "#!/bin/sh\nexit 1\n")
    status, _, last = run(tree)
    assert (status, last) == (1, "0 passed, 1 failed")


def test_resume_skips_only_what_was_green_for_this_tree(tree):
    counter = tree.parent / "count"
    write(tree / "test/unit/room/a_test.py", f"def test_one():\n    open({str(counter)!r}, 'a').write('x')\n")
    run(tree, *only("unit-python"))
    status, out, last = run(tree, "--resume", *only("unit-python"))
    assert (status, last) == (0, "1 passed, 0 failed") and "green before" in out
    assert counter.read_text() == "x"
    write(tree / "scripts/new", "changed\n")
    run(tree, "--resume", *only("unit-python"))
    assert counter.read_text() == "xx"
    run(tree, *only("unit-python"))
    assert counter.read_text() == "xxx"


def test_process_left_behind_is_a_failure_and_is_ended(tree):
    pid_file = tree.parent / "pid"
    write(tree / "test/unit/room/a_test.py",
          "import subprocess\n\ndef test_one():\n    child = subprocess.Popen(['sleep', '300'], start_new_session=True)\n"
          f"    open({str(pid_file)!r}, 'w').write(str(child.pid))\n")
    status, out, last = run(tree, *only("unit-python"))
    assert (status, last) == (1, "1 passed, 1 failed") and "left behind: sleep" in out
    assert not pathlib.Path("/proc", pid_file.read_text()).exists()


def test_two_runs_at_once_are_refused_and_a_stopped_run_ends_its_children(tree):
    pid_file = tree.parent / "pid"
    write(tree / "test/unit/room/a_test.py",
          f"import os, time\n\ndef test_one():\n    open({str(pid_file)!r}, 'w').write(str(os.getpid()))\n    time.sleep(300)\n")
    first = start(tree, *only("unit-python"))
    deadline = time.monotonic() + 20
    while not (pid_file.exists() and pid_file.read_text()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    status, out, _ = run(tree, *only("unit-python"))
    assert status == 1 and f"process {first.pid}" in out
    first.send_signal(signal.SIGTERM)
    first.communicate(timeout=30)
    assert first.returncode == 128 + signal.SIGTERM
    assert not pathlib.Path("/proc", pid_file.read_text()).exists()
