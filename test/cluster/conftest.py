"""One lab of one region for all tests of this folder, and a writer that never stops."""
import collections
import json
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from lab import lab as make_lab, wait_for  # noqa: E402
from labkit import probers  # noqa: E402  # test/lab.py shows where it is


class Writer(probers.Writer):
    """A client that makes API keys; those of two writes that were one are there twice."""

    def __init__(self, lab, *options):
        super().__init__(lab.plan, lab.facts["admin"]["api_key"], "--kind", "key", "--every-ms", "0", *options)
        self.lab = lab

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
        writer.goes_on(20)
        yield writer
    finally:
        writer.stop()
