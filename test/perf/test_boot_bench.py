"""Booting is fast enough, measured beside tftpd-hpa and nginx in the same run (scripts/perf/boot_bench)."""
import json
import os
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = os.environ.get("GANTRY_BUILD") or str(ROOT / "build" / "release")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: network namespaces")
def test_boot_bench():
    out = ROOT / "build" / "results" / "boot_bench.json"
    subprocess.run([ROOT / "scripts" / "perf" / "boot_bench", "--build", BUILD, "--out", out], check=True)
    for row in json.loads(out.read_text())["results"]:
        at_once = row["clients"] >= 64
        assert row["ratio"] >= (0.5 if not at_once else 1 if row["peer"] == "tftpd-hpa" else 0.9), row
