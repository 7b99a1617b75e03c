"""The tests that come with the program, on a machine: of memory, CPU, disk and network, as they are, with packages from the rack. Then one
of them fails."""
import base64
import contextlib
import os

import lab
import pytest
from labkit import life, plan, system

NEW_S, TESTED_S = 240, 900
FILL = "fill-memory"  # by its name before those that test the memory
# On an emulated processor each MiB takes memtester seconds: it is left 20 of them, beside the 64 that it leaves alone. What the later ones
# need is there before the memory is full.
FILL_SCRIPT = f"""#!/bin/sh
# --- Start MAAS 1.0 script metadata ---
# name: {FILL}
# script_type: testing
# parallel: disabled
# timeout: 300
# packages: {{apt: [curl, iputils-ping, memtester, smartmontools, stress-ng]}}
# --- End MAAS 1.0 script metadata ---
set -e
mount -t tmpfs -o size=100% none /mnt
free_kib=$(awk '$1 == "MemAvailable:" {{print $2}}' /proc/meminfo)
head -c $(((free_kib - 84 * 1024) * 1024)) /dev/zero >/mnt/full
grep MemAvailable /proc/meminfo
"""
TESTS = {"badblocks": "(0/0/0 errors)", "gateway-connectivity": " 0% packet loss", "internet-connectivity": "200 in ", "memtester": "Done.",
         "rack-controller-connectivity": "200", "smartctl-validate": "no SMART support", "stress-ng-cpu-short": "successful run completed",
         "stress-ng-memory-short": "successful run completed"}


@pytest.fixture(name="machine_life")
def make_life(images):
    with contextlib.ExitStack() as stack:
        name = f"te{os.getpid() % 10000}"
        made = stack.enter_context(lab.lab(name, "--machines", "1", "--firmware", "bios", "--images", images))
        the_plan = plan.Plan.load(name)
        yield life.Life(the_plan, the_plan.machines[0], made.facts["admin"]["api_key"])


def results(machine_life):
    """{name: (status, what it wrote)} of the newest run of tests."""
    rows = machine_life.admin.get(f"nodes/{machine_life.system_id}/results/current-testing/", include_output="true")["results"]
    print("\n".join(f"{row['name']}: {row['status_name']} in {row['runtime']}" for row in rows))
    return {row["name"]: (row["status_name"], base64.b64decode(row["output"]).decode()) for row in rows}


@pytest.mark.level("full")
def test_built_in_tests(machine_life):
    admin, rack = machine_life.admin, machine_life.plan.racks[0].provision_address
    machine_life.enlist(NEW_S)
    subnet = next(row for row in admin.get("subnets/") if row["cidr"].startswith(rack.rpartition(".")[0]))
    admin.put(f"subnets/{subnet['id']}/", gateway_ip=rack)
    admin.post("scripts/", name=FILL, script=FILL_SCRIPT)
    machine_life.commission(testing_scripts=",".join([FILL, *TESTS]), runtime="10", url=f"http://{rack}:5248/ipxe.cfg")
    machine_life.wait("Ready", TESTED_S)
    machine_life.wait_off()
    rows = results(machine_life)
    assert rows.keys() == {FILL, *TESTS} and {status for status, _ in rows.values()} == {"Passed"}, rows
    assert not {name: rows[name] for name, said in TESTS.items() if said not in rows[name][1]}
    admin.post(machine_life.path() + "?op=test", testing_scripts="fio")  # four minutes, and the disk is written over
    machine_life.wait("Testing", NEW_S)
    machine_life.wait("Ready", TESTED_S)
    machine_life.wait_off()
    (status, text), = results(machine_life).values()
    assert status == "Passed" and all(f"{mode}: (g" in text for mode in ("randread", "read", "randwrite", "write")), text
    admin.post(machine_life.path() + "?op=test", testing_scripts="internet-connectivity", url=f"http://{rack}:5248/nothing")
    system.wait_for("a failed test", lambda: machine_life.status() == "Failed testing", NEW_S, 1)
    machine_life.wait_off()
    (status, text), = results(machine_life).values()
    assert status == "Failed" and "404" in text
    admin.post(machine_life.path() + "?op=override_failed_testing")
    assert machine_life.status() == "Ready"
