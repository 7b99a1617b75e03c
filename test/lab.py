"""A lab for tests (scripts/lab): started, driven, taken down, with its log in the failure."""
import contextlib
import json
import os
import pathlib
import pwd
import shutil
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "scripts"))
from labkit.plan import Plan  # noqa: E402

BUILD = pathlib.Path(os.environ.get("GANTRY_BUILD") or ROOT / "build" / "debug")


def wait_for(what, condition, timeout_s=20, every_s=0.1):
    end = time.monotonic() + timeout_s
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"{what}: not within {timeout_s} s"
        time.sleep(every_s)


class Lab:
    def __init__(self, name, folder):
        self.name, self.folder, self.facts = name, pathlib.Path(folder), None

    @property
    def plan(self):
        """The same lab, for what scripts/labkit does without a command."""
        return Plan.load(self.name)

    def run(self, *argv, check=True, stdin=None, timeout=90):
        result = subprocess.run([ROOT / "scripts" / "lab", argv[0], "--name", self.name, *map(str, argv[1:])], text=True,
                                input=stdin, capture_output=True, check=False, timeout=timeout)
        assert not check or result.returncode == 0, f"lab {' '.join(map(str, argv))}\n{result.stdout}\n{result.stderr}\n{self.log()}"
        return result

    def up(self, *options):
        self.facts = json.loads(self.run("up", "--build", BUILD, "--dir", self.folder, *options, timeout=240).stdout)

    def gantry(self, *argv, host="region1", **options):
        return self.run("exec", host, "--", "gantry", *argv, **options)

    def status(self, host="region1"):
        result = self.gantry("--json", "status", host=host, check=False)
        return json.loads(result.stdout) if result.returncode == 0 else None

    def host(self, name):
        """What lab.json says of a host."""
        return next(host for host in self.facts["hosts"] if host["name"] == name)

    def pids(self, process, name="region1"):
        hosts = json.loads(self.run("status").stdout)["hosts"]
        return next(host for host in hosts if host["name"] == name)["pids"].get(process, [])

    def wipe(self, name):
        """A region's programs end, all it knew is gone, and it starts without a cluster."""
        folder, owner = self.host(name)["data_dir"], pwd.getpwnam("gantry")
        self.run("kill", name)
        shutil.rmtree(folder)
        os.mkdir(folder, 0o750)
        os.chown(folder, owner.pw_uid, owner.pw_gid)
        self.run("start", name)
        wait_for(f"{name} without a cluster", lambda: (self.status(name) or {}).get("verdict") == "no-cluster", 20)

    def http(self, url, *argv):
        """(status, text) of a request from the client's namespace; status 0 = no answer."""
        result = self.run("exec", "client", "--", "curl", "-s", "-m", "5", "-w", "\n%{http_code}", *argv, url, check=False)
        text, _, status = result.stdout.rpartition("\n")
        return int(status or 0), text

    def log(self):
        path = self.folder / "region1" / "log" / "console.log"
        return path.read_text(errors="replace")[-6000:] if path.exists() else "(no log)"


@contextlib.contextmanager
def lab(name, *options):
    made = Lab(name, f"/var/tmp/gantry-lab-{name}")
    try:
        made.up(*options)
        yield made
    finally:
        made.run("down", check=False)
        left = subprocess.run(["ip", "netns", "list"], text=True, capture_output=True, check=True).stdout
        assert f"{name}-" not in left, left
