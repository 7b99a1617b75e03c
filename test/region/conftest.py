"""One region under gantry-fenced in a namespace of its own, before and without a lab's comfort."""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import uuid

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from lab import BUILD, wait_for  # noqa: E402
from labkit import bringup  # noqa: E402  # test/lab.py shows where it is

POSTGRES_BIN = max(pathlib.Path("/usr/lib/postgresql").glob("*/bin"))
ADDRESS, VIP = "10.66.0.1", "10.66.0.100"


class Region:
    """Namespace NAME with interface eth0 (10.66.0.1) that leads to namespace NAME-far (10.66.0.2)."""

    def __init__(self):
        self.name = f"gtr{uuid.uuid4().hex[:5]}"
        self.folder = pathlib.Path("/var/tmp") / f"gantry-{self.name}"
        self.data, self.run, self.fenced = self.folder / "data", self.folder / "run", None
        self.settings = {"region": {"name": "region1", "address": ADDRESS, "data_dir": self.data, "run_dir": self.run},
                         "postgres": {"bin_dir": POSTGRES_BIN}, "vip": {"address": f"{VIP}/24", "interface": "eth0"}}
        self.folder.mkdir()
        for folder in (self.data, self.run):
            folder.mkdir()
            shutil.chown(folder, "gantry", "gantry")
        shutil.copy(BUILD / "gantry-regiond", self.folder)  # a build may stand where user gantry may not look
        self.sh("ip", "netns", "add", self.name)
        self.sh("ip", "netns", "add", f"{self.name}-far")
        self.sh("ip", "link", "add", "eth0", "netns", self.name, "type", "veth", "peer", "name", "eth0", "netns", f"{self.name}-far")
        for netns, address in ((self.name, ADDRESS), (f"{self.name}-far", "10.66.0.2")):
            self.sh("ip", "-n", netns, "link", "set", "lo", "up")
            self.sh("ip", "-n", netns, "addr", "add", f"{address}/24", "dev", "eth0")
            self.sh("ip", "-n", netns, "link", "set", "eth0", "up")

    @staticmethod
    def sh(*argv, check=True, **options):
        return subprocess.run(list(map(str, argv)), check=check, text=True, capture_output=True, **options)

    def inside(self, *argv, **options):
        return self.sh("nsenter", f"--net=/run/netns/{self.name}", "--", *argv, **options)

    def configure(self, text=None):
        lines = []
        for section, keys in self.settings.items():
            lines += [f"[{section}]", *(f"{key} = {value}" for key, value in keys.items())]
        (self.folder / "regiond.conf").write_text(text if text is not None else "\n".join(lines) + "\n")
        (self.folder / "fenced.conf").write_text(
            f"[fenced]\nname = {self.name}\nrun_dir = {self.run}\nstate_dir = {self.folder}/fence\n"
            f"[regiond]\nenabled = yes\npath = {self.folder}/gantry-regiond\nconfig = {self.folder}/regiond.conf\n"
            f"[postgres]\nbin_dir = {POSTGRES_BIN}\ndata_root = {self.data}\n")

    def start(self, *wrapper):
        self.configure()
        self.launch(*wrapper)
        wait_for("the control socket", lambda: (self.run / "regiond.sock").exists() or self.fenced.poll() is not None, 15)

    def launch(self, *wrapper):
        with open(self.folder / "log", "ab") as log:
            self.fenced = subprocess.Popen(["nsenter", f"--net=/run/netns/{self.name}", "--", *wrapper, BUILD / "gantry-fenced",
                                            "--config", self.folder / "fenced.conf"], stdout=log, stderr=log,
                                           stdin=subprocess.DEVNULL)

    def log(self):
        return (self.folder / "log").read_text(errors="replace")

    def said(self, text, timeout_s=15):
        wait_for(f"{text!r} in the log\n{self.log()[-2000:]}", lambda: text in self.log(), timeout_s)

    def stop(self):
        if self.fenced and self.fenced.poll() is None:
            self.fenced.terminate()
            self.fenced.wait(30)
        self.fenced = None

    def gantry(self, *argv):
        return self.inside(BUILD / "gantry", "--socket", self.run / "regiond.sock", *argv, check=False)

    def init(self, name="site", **options):
        flags = [word for key, value in options.items() for word in (f"--{key.replace('_', '-')}", value)]
        return self.gantry("--json", "cluster", "init", "--name", name, *flags)

    def status(self):
        result = self.gantry("--json", "status")
        return json.loads(result.stdout) if result.returncode == 0 else {"verdict": result.stderr}

    def files(self):
        return sorted(path.name for path in self.data.iterdir())

    def remove(self):
        self.stop()
        for netns in (self.name, f"{self.name}-far"):
            for pid in self.sh("ip", "netns", "pids", netns).stdout.split():
                os.kill(int(pid), 9)
            self.sh("ip", "netns", "del", netns)
        bringup.remove_cgroups(f"gantry-{self.name}")
        self.sh("umount", self.data, check=False)
        shutil.rmtree(self.folder)


@pytest.fixture(name="region")
def make_region():
    region = Region()
    try:
        yield region
    finally:
        region.remove()
