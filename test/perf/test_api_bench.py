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
    rows = {(row["what"], row["clients"]): row for row in json.loads(out.read_text())["results"]}
    assert rows["whoami", 8]["requests_per_s"] >= 2000
    assert rows["one machine", 8]["requests_per_s"] >= 1000
    assert rows["list of 1000", 1]["p50_us"] <= 300_000
    assert rows["version", 8]["requests_per_s"] >= rows["nginx static file", 8]["requests_per_s"] / 4
