"""A machine finds its BMC itself, by KCS and with Debian's generic kernel: commissioning makes a user there, by which the region powers
it from then on."""
import os
import subprocess

import lab
import pytest
from conftest import BUILD, ROOT
from labkit import system
from labkit.life import Life

NEW_S, READY_S = 240, 420


@pytest.mark.level("full")
def test_bmc(tmp_path):
    images, name = tmp_path / "images", f"bm{os.getpid() % 10000}"
    subprocess.run([ROOT / "scripts" / "build-images", "--kernel", "linux-image-amd64", "--agent", BUILD / "gantry-agent", images],
                   check=True, timeout=900)
    with lab.lab(name, "--machines", "1", "--in-band", "--images", images) as made:
        machine = made.plan.machines[0]
        life = Life(made.plan, machine, made.facts["admin"]["api_key"])
        life.enlist(NEW_S)
        life.commission()
        life.wait("Ready", READY_S)
        found = life.admin.get(life.path(), op="power_parameters")
        assert (found["power_address"], found["power_user"]) == (machine.bmc_address, "maas")
        assert found["power_pass"].startswith("A1z") and found["power_pass"] != machine.bmc_password
        results = life.admin.get(f"nodes/{life.system_id}/results/current-commissioning/", include_output="1")["results"]
        script, = [row for row in results if row["name"] == "30-maas-01-bmc-config"]
        assert script["status_name"] == "Passed" and found["power_pass"] not in str(results)
        system.wait_for("off", lambda: life.admin.get(life.path(), op="query_power_state")["state"] == "off", 60)
        print("\n".join(life.story))
