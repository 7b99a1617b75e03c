"""DHCP with every lease on disk before its ACK is fast enough, measured beside Kea (scripts/perf/dhcp_bench)."""
import json
import os
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = os.environ.get("GANTRY_BUILD") or str(ROOT / "build" / "release")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root for network namespaces")
def test_dhcp_bench():
    out = ROOT / "build" / "results" / "dhcp_bench.json"
    subprocess.run([ROOT / "scripts" / "perf" / "dhcp_bench", "--build", BUILD, "--out", out], check=True)
    rows = {row["rate"]: row for row in json.loads(out.read_text())["results"] if row["what"] == "gantry"}
    # A room of 1,000 machines that are switched on at once: nobody has to ask twice.
    assert rows[1000]["lost_percent"] < 1, rows[1000]
    assert rows[0]["leases_per_s"] >= 1500, rows[0]
