"""The pieces of scripts/demo: its options, what it says of a changing cluster, and its clients against a small API."""
import http.server
import json
import pathlib
import subprocess
import sys
import threading
import time

import pytest

SCRIPTS = pathlib.Path(__file__).resolve().parents[3] / "scripts"
sys.path.insert(0, str(SCRIPTS))
from labkit import demo, discover, members, probers, timeline  # noqa: E402
from labkit.plan import Plan  # noqa: E402
from labkit.system import LabError  # noqa: E402


@pytest.mark.parametrize("argv, text", [
    (["--none"], "--none: there is no such option"), (["--regions"], "--regions: a value is missing")])
def test_wrong_options_are_refused_before_anything_is_installed(argv, text):
    done = subprocess.run([SCRIPTS / "demo", *argv], capture_output=True, text=True, check=False, timeout=5)
    assert done.returncode == 2 and text in done.stderr


@pytest.mark.parametrize("argv, text", [
    (["--regions", "2"], "--regions"), (["--json", "/nowhere/at/all.json"], "there is no folder /nowhere/at")])
def test_wrong_values_are_refused_by_the_story(argv, text, capsys):
    with pytest.raises(SystemExit):
        demo.parse(argv)
    assert text in capsys.readouterr().err


def test_every_step_has_a_title():
    assert all(step.__doc__ and "\n" not in step.__doc__ for step in demo.STEPS)


def numbers(**regions):
    """A view; each region is "" = silent, or letters: L leads, P is primary, and how many addresses it holds."""
    def one(text):
        return {"gantry_leader": "L" in text, "gantry_primary": "P" in text, "gantry_vips_held": int(text[-1]),
                "gantry_raft_term": 3, "gantry_pg_epoch": 5} if text else {}
    return timeline.view_of({name: one(text) for name, text in regions.items()})


@pytest.mark.parametrize("before, after, texts", [
    ({"a": "LP1", "b": "1"}, {"a": "LP1", "b": "1"}, []),
    ({"a": "LP1", "b": "1"}, {"a": "", "b": "1"},
     ["a is silent", "raft: the leader is lost", "PostgreSQL: the primary is lost"]),
    ({"a": "", "b": "1"}, {"a": "", "b": "LP2"},
     ["raft: b leads, term 3", "PostgreSQL: b is primary, epoch 5", "b holds 2 virtual IPs"]),
    ({"a": "", "b": "LP2"}, {"a": "0", "b": "LP2"}, ["a answers"]),
    ({"a": "0", "b": "LP2"}, {"a": "1", "b": "LP1"}, ["a holds 1 virtual IP", "b holds 1 virtual IP"]),
])
def test_changes_of_a_cluster(before, after, texts):
    assert timeline.changes(numbers(**before), numbers(**after)) == texts


def test_of_two_leaders_the_later_term_counts():
    view = timeline.view_of({"a": {"gantry_leader": 1, "gantry_raft_term": 3}, "b": {"gantry_leader": 1, "gantry_raft_term": 4}})
    assert view["leader"] == ("b", 4)


def status_of(steps, verdict="healthy", votes=True):
    return {"verdict": verdict, "members": [{"name": f"region{i + 1}", "pg_step": step, "data_voter": votes, "raft_voter": True,
                                             "raft_role": "leader" if i == 1 else "follower", "reachable": i != 1}
                                            for i, step in enumerate(steps)]}


def test_a_whole_cluster(tmp_path):
    plan = Plan("a", tmp_path, regions=3)
    good = status_of(["steady", "following", "following"])
    assert members.is_whole(plan, good) == good
    for bad in (None, status_of(["steady", "following"]), status_of(["steady", "rewinding", "following"]),
                status_of(["steady", "following", "following"], "degraded"),
                status_of(["steady", "following", "following"], votes=False)):
        assert members.is_whole(plan, bad) is None
    assert members.leader_of(good) is None  # who led and does not answer leads no more


def test_discovery_goes_on_without_an_answer(tmp_path, monkeypatch):
    plan = Plan("a", tmp_path)
    watched = discover.Discovery(plan, plan.machines[0], "a:b:c")
    answers = [(200, '[{"hostname": "one"}]'), (0, ""), (503, "later"), (200, "[]"), (400, "no")]
    monkeypatch.setattr(watched.api, "call", lambda *_, **__: answers.pop(0))
    watched.row = watched.find()
    assert watched.row == {"hostname": "one"}
    assert watched.find() == watched.row and watched.find() == watched.row
    assert watched.find() is None
    with pytest.raises(LabError, match="400 no"):
        watched.find()


class Api(http.server.BaseHTTPRequestHandler):
    """Tags by name. `script` are statuses to answer with first; 0 hangs up. Every request is noted."""

    protocol_version = "HTTP/1.1"
    tags, script, seen = set(), [], []

    def log_message(self, *_):  # pylint: disable=arguments-differ
        pass

    def answer(self, status):
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_POST(self):  # pylint: disable=invalid-name
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.seen.append((self.headers["X-Request-Id"], body, self.client_address[1]))
        status = self.script.pop(0) if self.script else 200
        if status == 0:
            self.close_connection = True
        else:
            self.answer(status)
        if status == 200:
            self.tags.add(body.partition("=")[2])

    def do_GET(self):  # pylint: disable=invalid-name
        self.answer(200 if self.path.rstrip("/").rpartition("/")[2] in self.tags else 404)


@pytest.fixture(name="api")
def make_api():
    Api.tags, Api.script, Api.seen = set(), [], []
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Api)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()


def run_prober(api, mode, *options, lines=("k:t:s",), seconds=1.5):
    """What it prints, as words."""
    child = subprocess.Popen([probers.PROGRAM, mode, "--url", api, *options], text=True, stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE)
    child.stdin.write("\n".join(lines) + "\n")
    child.stdin.flush()
    time.sleep(seconds)
    out, _ = child.communicate(timeout=10)
    return [line.split() for line in out.splitlines()]


def test_a_write_is_repeated_under_its_request_id(api):
    Api.script = [200, 503, 0, 200]
    words = run_prober(api, "write", "--every-ms", "100")
    assert [line[0] for line in words][:5] == ["ok", "failed", "failed", "ok", "ok"]
    assert [line[1] for line in words if line[0] == "failed"] == ["503", "0"]
    ids = [request_id for request_id, _, _ in Api.seen]
    assert ids[1] == ids[2] == ids[3] and len({ids[0], ids[1], ids[4]}) == 3
    assert len({body for _, body, _ in Api.seen[1:4]}) == 1
    assert 5 <= len(words) <= 18  # 100 ms apart


def test_a_write_that_is_refused_is_told(api):
    Api.script = [400]
    assert run_prober(api, "write", "--every-ms", "100", seconds=0.5)[0][:2] == ["refused", "400"]


def test_keep_alive_is_one_connection(api):
    run_prober(api, "write", "--every-ms", "50", "--keep-alive", seconds=0.7)
    assert len(Api.seen) > 3 and len({port for _, _, port in Api.seen}) == 1
    Api.seen.clear()
    run_prober(api, "write", "--every-ms", "50", seconds=0.7)
    assert len({port for _, _, port in Api.seen}) == len(Api.seen) > 3


def test_a_reader_wants_the_newest_name(api):
    Api.tags = {"one", "two"}
    assert {tuple(line[:2]) for line in run_prober(api, "read", lines=("k:t:s", "one", "two"), seconds=0.6)} >= {("ok", "two")}
    words = run_prober(api, "read", lines=("k:t:s", "three"), seconds=0.6)
    assert words and all(line[:3] == ["refused", "404", "three"] for line in words)


def seen_at(*times):
    prober = object.__new__(probers.Prober)
    prober.acknowledged = [(str(when), when) for when in times]
    return prober


def test_the_longest_gap():
    prober = seen_at(1, 2, 5, 5.1, 7)
    assert prober.longest_gap() == (2, 5)
    assert prober.longest_gap(5.05) == (5.1, 7) and prober.longest_gap_s(4) == 3  # one that began before counts
    assert prober.longest_gap(until=2) == (1, 2) and prober.longest_gap(8) == (8, 8)


def test_the_result_is_written_also_of_a_failure(tmp_path):
    options = demo.parse(["--json", str(tmp_path / "r.json")])
    story = demo.Story(options, timeline.Screen())
    story.timeline.breaks("it dies")
    story.timeline.add("it goes on", story.timeline.broken + 1)
    demo.write_result(options.json, story, "no lab")
    result = json.loads(options.json.read_text())
    assert (result["passed"], result["failure"]) == (False, "no lab")
    assert [event["since_fault_s"] for event in result["events"]] == [0, 1]
