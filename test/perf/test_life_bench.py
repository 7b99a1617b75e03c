"""A machine's life from power on to Deployed (scripts/perf/life_bench measures several on a machine that does nothing else)."""
import json
import os
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = os.environ.get("GANTRY_BUILD") or str(ROOT / "build" / "release")
MOST_S = 300


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: network namespaces, virtual machines")
def test_life_bench(tmp_path):
    out = ROOT / "build" / "results" / "life_bench.json"
    out = tmp_path / "life.json" if out.exists() else out  # not in place of a longer run
    subprocess.run([ROOT / "scripts" / "perf" / "life_bench", "--build", BUILD, "--rounds", "1", "--out", out], check=True)
    row, = json.loads(out.read_text(encoding="utf-8"))["rows"]
    assert row["value"] <= MOST_S, row
