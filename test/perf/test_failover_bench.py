"""What clients notice of faults, a round of each kind (scripts/perf/failover_bench measures many): nothing acknowledged is
lost, no two answer for a virtual IP, and the goals that one round can hold on a busy machine."""
import json
import os
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = os.environ.get("GANTRY_BUILD") or str(ROOT / "build" / "release")
MOST = {"kill-postgres/new": 4000, "host-gone/new": 8000, "cut-both/kept": 8000, "freeze-host/new": 8000, "switchover/kept": 3000,
        "vip-orderly": 1000, "vip-host-gone": 5000, "idle": 25, "rack-killed": 5}


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: network namespaces")
def test_failover_bench(tmp_path):
    out = ROOT / "build" / "results" / "failover_bench-default.json"
    out = tmp_path / "failover.json" if out.exists() else out  # not in place of a long run
    subprocess.run([ROOT / "scripts" / "perf" / "failover_bench", "--build", BUILD, "--rounds", "1", "--faults", ",".join(MOST),
                    "--out", out], check=True)
    for cell, rows in json.loads(out.read_text())["cells"].items():
        assert rows[0]["value"] <= MOST[cell], (cell, rows[0])
