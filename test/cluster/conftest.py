"""One lab of one region for all tests of this folder, and a writer that never stops."""
import collections
import json
import pathlib
import subprocess
import sys
import threading

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from lab import lab as make_lab, wait_for  # noqa: E402


class Writer:
    """writer.py in the client's namespace: what it was told is done is in `acknowledged`, with the time."""

    def __init__(self, lab):
        self.lab, self.acknowledged, self.problem = lab, [], None
        script = pathlib.Path(__file__).with_name("writer.py")
        self.child = subprocess.Popen(["nsenter", f"--net=/run/netns/{lab.facts['client_netns']}", sys.executable, script,
                                       lab.facts["api_url"]], text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.child.stdin.write(lab.facts["admin"]["api_key"] + "\n")
        self.child.stdin.flush()
        self.thread = threading.Thread(target=self._listen)
        self.thread.start()

    def _listen(self):
        for line in self.child.stdout:
            name, when = line.split()
            if name == "error":
                self.problem = line
            else:
                self.acknowledged.append((name, float(when)))

    def writes_on(self, count=10, timeout_s=60):
        """Until so many more were acknowledged."""
        goal = len(self.acknowledged) + count
        wait_for(f"{count} more writes", lambda: self.problem or len(self.acknowledged) >= goal, timeout_s, 0.02)
        assert not self.problem, self.problem

    def longest_gap_s(self):
        times = [when for _, when in self.acknowledged]
        return max(b - a for a, b in zip(times, times[1:]))

    def stop(self):
        self.child.stdin.close()
        self.child.wait(10)
        self.thread.join(10)

    def check_nothing_lost(self):
        """Each acknowledged write is there, and none is there twice."""
        acknowledged = [name for name, _ in self.acknowledged]  # it goes on writing while we read
        tokens = json.loads(self.lab.gantry("--json", "account", "list-authorisation-tokens", host="client").stdout)
        stored = collections.Counter(token["name"] for token in tokens)
        missing = [name for name in acknowledged if not stored[name]]
        assert not missing, f"acknowledged, but gone: {missing[:10]}"
        twice = [name for name, count in stored.items() if name.startswith("write-") and count > 1]
        assert not twice, f"done twice: {twice[:10]}"


@pytest.fixture(name="lab", scope="session")
def make_shared_lab():
    with make_lab("gtc", "--racks", "0", "--machines", "0", "--no-images") as lab:
        yield lab


@pytest.fixture(name="writer")
def make_writer(lab):
    wait_for("a healthy cluster", lambda: (lab.status() or {}).get("verdict") == "healthy", 30)
    writer = Writer(lab)
    try:
        writer.writes_on(20)
        yield writer
    finally:
        writer.stop()
