"""docs/operations.md shows the configuration keys that the programs know."""
import os
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("GANTRY_BUILD") or ROOT / "build" / "debug")


def test_configuration_keys_are_those_of_the_programs():
    result = subprocess.run([ROOT / "scripts" / "config_docs", "--check", "--build", BUILD], capture_output=True,
                            text=True, timeout=60, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
