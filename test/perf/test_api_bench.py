"""The API is fast enough, measured beside nginx and pgbench in the same run (scripts/perf/api_bench)."""
import json
import os
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = os.environ.get("GANTRY_BUILD") or str(ROOT / "build" / "release")


def test_api_bench():
    out = ROOT / "build" / "results" / "api_bench.json"
    subprocess.run([ROOT / "scripts" / "perf" / "api_bench", "--build", BUILD, "--out", out], check=True)
    rates = {(row["what"], row["clients"]): row["requests_per_s"] for row in json.loads(out.read_text())["results"]}
    for what in ("whoami", "one machine"):
        assert rates.get((what, 8), 2000) >= 2000, (what, rates)
    assert rates["version", 8] >= rates["nginx static file", 8] / 4
