"""A script of people that needs a Debian package, in a lab without any network but its own: the package comes from the repository of
build-images through the rack, under the agent's system and under a stock one."""
import contextlib
import os

import lab
import pytest
from labkit import life, plan

NEW_S, READY_S = 240, 400
NAME = "needs-memtester"
SCRIPT = f"""#!/bin/sh
# --- Start MAAS 1.0 script metadata ---
# name: {NAME}
# script_type: commissioning
# timeout: 60
# packages: {{apt: [memtester]}}
# --- End MAAS 1.0 script metadata ---
grep -h . /etc/apt/gantry.list && dpkg-query -W memtester && memtester 1M 1 >/dev/null && . /etc/os-release && echo "under $PWD of $ID"
"""


@pytest.fixture(name="machine_life")
def make_life(images):
    with contextlib.ExitStack() as stack:
        name = f"pk{os.getpid() % 10000}"
        made = stack.enter_context(lab.lab(name, "--machines", "1", "--firmware", "bios", "--images", images))
        the_plan = plan.Plan.load(name)
        yield life.Life(the_plan, the_plan.machines[0], made.facts["admin"]["api_key"])


def commission(machine_life):
    machine_life.commission()
    machine_life.wait("Ready", READY_S)
    machine_life.wait_off()
    results = machine_life.admin.get(f"nodes/{machine_life.system_id}/results/current-commissioning/", include_output="true")["results"]
    result = next(row for row in results if row["name"] == NAME)
    assert result["status_name"] == "Passed", result
    return result


@pytest.mark.level("full")
def test_packages_come_from_the_rack(machine_life):
    machine_life.enlist(NEW_S)
    machine_life.admin.post("scripts/", name=NAME, script=SCRIPT)
    for series in (None, life.built_in(machine_life.plan).partition("/")[2]):
        if series:
            machine_life.admin.post("maas/?op=set_config", name="commissioning_distro_series", value=series)
        print(commission(machine_life))
        stock = any("'cloudinit' start modules-final" in event for event in machine_life.events())
        assert stock == bool(series)
    print("\n".join(machine_life.story))
