"""Scripts as a machine gets them: the archive of what is left, results by their ids, tests once the disks are known."""
import io
import json
import subprocess
import tarfile

import pytest

from conftest import Api
from test_life import COMMISSIONING, FAILED_TESTING, READY, TESTING, manual, milestone, op, read, speaker, status
from test_metadata import REPORT

METADATA = "/MAAS/metadata/2012-03-01/"


@pytest.fixture(scope="module")
def api():
    program = Api()
    yield program
    program.close()


def archive(api, machine):
    """{list: entries} and {path: text} of what is left to run; None = nothing."""
    reply = speaker(api, machine).get(METADATA + "maas-scripts")
    if reply.status == 204:
        return None
    assert reply.status == 200 and reply.headers["Content-Type"] == "application/x-tar", reply.text
    with tarfile.open(fileobj=io.BytesIO(reply.body)) as tar:
        files = {member.name: tar.extractfile(member).read() for member in tar.getmembers()}
        assert all(member.mode == (0o700 if member.name.endswith("-bmc-config") else 0o755)
                   for member in tar.getmembers() if member.name != "index.json")
    return json.loads(files.pop("index.json"))["1.0"], files


def end(api, machine, entry, code=0, output=b"done"):
    reply = speaker(api, machine).cli(METADATA, ("op", "signal"), ("status", "WORKING"), ("name", entry["name"]),
                                      ("script_result_id", str(entry["script_result_id"])), ("exit_status", str(code)),
                                      ("runtime", "1.5"), (entry["name"], output))
    assert reply.status == 200, reply.text


def say(api, machine, word):
    assert speaker(api, machine).post(METADATA, op="signal", status=word).status == 200


def commission(api, machine):
    """All commissioning scripts pass; what the archive held."""
    lists, files = archive(api, machine)
    assert list(lists) == ["commissioning_scripts"]
    for entry in lists["commissioning_scripts"]:
        assert files[entry["path"]].startswith(b"#!/bin/bash\n")
        end(api, machine, entry, output=json.dumps(REPORT).encode() if entry["name"].startswith("20-") else b"done")
    return [entry["name"] for entry in lists["commissioning_scripts"]]


def test_a_run(api):
    machine = manual(api)
    assert op(api.admin, machine, "commission", testing_scripts="smartctl-validate,ntp", ntp_server="time.example").status == 200
    names = commission(api, machine)
    assert "maas-lshw" in names and "20-maas-03-machine-resources" in names and names == sorted(names)
    assert status(api, machine) == COMMISSIONING

    lists, files = archive(api, machine)
    assert list(lists) == ["testing_scripts"] and set(files) == {"testing/ntp", "testing/smartctl-validate"}
    ntp, smart = lists["testing_scripts"]
    assert ntp["parameters"] == {"server": {"type": "string", "value": "time.example", "argument_format": "{input}"}}
    assert ntp["timeout_seconds"] == 300 and ntp["parallel"] == 2 and ntp["has_started"] is False
    disk = read(api, machine)["physicalblockdevice_set"][0]
    assert smart["parameters"]["storage"]["value"]["path"] == disk["id_path"]
    say(api, machine, "TESTING")
    assert status(api, machine) == TESTING
    end(api, machine, ntp)
    end(api, machine, smart)
    assert archive(api, machine) is None
    say(api, machine, "OK")
    assert status(api, machine) == READY
    run = api.admin.get(f"nodes/{machine['system_id']}/results/current-testing/").json()
    assert run["status_name"] == "Passed" and {result["runtime"] for result in run["results"]} == {"0:00:01"}


@pytest.fixture(name="script")
def make_script(api):
    made = []

    def make(name, header, kind="commissioning"):
        text = (f"#!/bin/bash\n# --- Start MAAS 1.0 script metadata ---\n# name: {name}\n# script_type: {kind}\n# {header}\n"
                "# --- End MAAS 1.0 script metadata ---\n")
        reply = api.admin.cli("scripts/", ("name", name), ("script", text.encode()))
        assert reply.status == 200, reply.text
        made.append(name)
        return name
    yield make
    for name in made:
        api.admin.delete(f"scripts/{name}")


def test_scripts_for_some_hardware_only(api, script):
    """What changes firmware must not run on another maker's machines; what a machine has is known when the program's own are through."""
    vendor, other, glob, pci = (script(name, f"for_hardware: {words}") for name, words in (
        ("hw-fits", "'system_vendor:qemu'"), ("hw-other", "'pci:1af4:beef'"), ("hw-glob", "['usb:dead', 'modalias:pci:v00008086d?0*']"),
        ("hw-pci", "'pci:1AF4:1001'")))
    tests = (script("hw-test", "for_hardware: 'mainboard_product:none'", "testing"), script("hw-test-not", "for_hardware: 'pci:dead'", "testing"))
    machine = manual(api)
    op(api.admin, machine, "commission", testing_scripts=",".join(tests))
    lists, files = archive(api, machine)
    assert not {vendor, other, glob, pci} & {entry["name"] for entry in lists["commissioning_scripts"]} and "commissioning/" + vendor not in files
    for entry in lists["commissioning_scripts"]:
        end(api, machine, entry, output=json.dumps(REPORT).encode() if entry["name"].startswith("20-") else
            b"acpi:x\npci:v00008086d0000A0\n" if "modalias" in entry["name"] else b"done")
    lists, _ = archive(api, machine)
    assert [entry["name"] for entry in lists["commissioning_scripts"]] == [vendor, glob, pci]
    for entry in lists["commissioning_scripts"]:
        end(api, machine, entry)
    assert archive(api, machine) is None  # neither test
    for kind, names in (("commissioning", {other}), ("testing", set(tests))):
        run = api.admin.get(f"nodes/{machine['system_id']}/results/current-{kind}/").json()
        assert {result["name"] for result in run["results"] if result["status_name"] == "Skipped"} == names
    say(api, machine, "OK")
    assert status(api, machine) == READY
    op(api.admin, machine, "test", testing_scripts=tests[1])
    assert archive(api, machine) is None


def test_a_script_that_reboots(api, script):
    name = script("50-reboots", "may_reboot: true")
    machine = manual(api)
    op(api.admin, machine, "commission")
    lists, _ = archive(api, machine)
    (entry,) = (entry for entry in lists["commissioning_scripts"] if entry["name"] == name)
    assert speaker(api, machine).post(METADATA, op="signal", status="WORKING", name=name, script_result_id=entry["script_result_id"]).status == 200
    milestone(api, machine, "modules-final", "FAIL")
    assert status(api, machine) == COMMISSIONING
    (again,) = (entry for entry in archive(api, machine)[0]["commissioning_scripts"] if entry["name"] == name)
    assert again["has_started"] is True
    end(api, machine, again)
    milestone(api, machine, "modules-final", "FAIL")
    assert read(api, machine)["status_name"] == "Failed commissioning"


def test_a_failed_test(api):
    machine = manual(api)
    op(api.admin, machine, "commission", testing_scripts="memtester")
    commission(api, machine)
    say(api, machine, "TESTING")
    (entry,) = archive(api, machine)[0]["testing_scripts"]
    end(api, machine, entry, code=1, output=b"bad bits")
    say(api, machine, "OK")
    assert status(api, machine) == FAILED_TESTING
    end(api, machine, entry, code=0)  # too late: the run stays as it was told of
    assert api.admin.get(f"nodes/{machine['system_id']}/results/current-testing/").json()["status_name"] == "Failed"


def test_dependencies_that_fail(api):
    machine = manual(api)
    op(api.admin, machine, "commission", testing_scripts="fio")
    commission(api, machine)
    (entry,) = archive(api, machine)[0]["testing_scripts"]
    reply = speaker(api, machine).post(METADATA, op="signal", status="INSTALLING", name="fio", script_result_id=entry["script_result_id"])
    assert reply.status == 200
    end(api, machine, entry, code=100, output=b"no such package")
    (result,) = api.admin.get(f"nodes/{machine['system_id']}/results/current-testing/").json()["results"]
    assert result["status_name"] == "Failed installing dependencies"


def test_another_machine_s_result(api):
    one, two = manual(api), manual(api)
    op(api.admin, one, "commission")
    op(api.admin, two, "commission")
    entry = archive(api, one)[0]["commissioning_scripts"][-1]
    end(api, two, entry, code=0)  # nothing of its own has this id
    assert archive(api, one)[0]["commissioning_scripts"][-1] == entry


def test_bad_choices(api):
    machine = manual(api)
    for params, what in (({"testing_scripts": "nobody"}, "names no Testing script"), ({"commissioning_scripts": "memtester"}, "names no"),
                         ({"testing_scripts": "stress-ng-cpu-short", "runtime": "soon"}, "expected a time")):
        reply = op(api.admin, machine, "commission", **params)
        assert reply.status == 400 and what in reply.text, reply.text
    assert op(api.admin, machine, "commission", testing_scripts="none").status == 200
    commission(api, machine)
    assert archive(api, machine) is None


def test_whoever_asks_without_a_key(api):
    assert api.nobody.get(METADATA + "maas-scripts").status == 204


def tell_bmc(api, machine, status=200, kind="ipmi", **parameters):
    reply = speaker(api, machine).post(METADATA, op="signal", status="WORKING", power_type=kind, power_parameters=json.dumps(parameters))
    assert reply.status == status, reply.text
    found = read(api, machine)["power_type"], api.admin.get(machine["resource_uri"] + "?op=power_parameters").json()
    return found if status == 200 else reply.text


def test_a_bmc_that_the_machine_found(api):
    machine = manual(api)
    assert op(api.admin, machine, "commission").status == 200
    assert "30-maas-01-bmc-config" in [entry["name"] for entry in archive(api, machine)[0]["commissioning_scripts"]]
    bmc = {"power_driver": "LAN_2_0", "power_address": "10.0.9.9", "power_user": "maas", "power_pass": "A1zsecret", "cipher_suite_id": "3"}
    kind, parameters = tell_bmc(api, machine, **bmc)
    assert kind == "ipmi" and parameters.items() >= bmc.items()
    assert "A1zsecret" not in api.sql("SELECT string_agg(power_parameters::text || power_secrets, '') FROM node")
    again = {**bmc, "power_pass": "A1zother"}
    assert tell_bmc(api, machine, **again)[1]["power_pass"] == "A1zother"  # the same one
    assert tell_bmc(api, machine, **{**bmc, "power_address": "10.0.9.1"})[1]["power_address"] == "10.0.9.9"  # people know better
    assert "power_type" in tell_bmc(api, machine, 400, "webhook", power_address="http://10.0.0.1/")
    assert "cipher_suite_id" in tell_bmc(api, machine, 400, power_address="10.0.9.9", cipher_suite_id="99")
    say(api, machine, "FAILED")
    assert tell_bmc(api, machine, **{**bmc, "power_pass": "late"})[1]["power_pass"] == "A1zother"
    assert op(api.admin, machine, "commission", skip_bmc_config="1").status == 200
    assert "30-maas-01-bmc-config" not in [entry["name"] for entry in archive(api, machine)[0]["commissioning_scripts"]]


def test_what_the_bmc_script_is_told(api):
    """Settings that somebody has set stand in the script that the machine is given, and nowhere else."""
    machine = manual(api)
    key, script = "it's $(id) `id`", "30-maas-01-bmc-config"

    def given():
        assert op(api.admin, machine, "commission").status == 200
        return archive(api, machine)[1]["commissioning/" + script]

    header, _, body = given().partition(b"# --- End MAAS 1.0 script metadata ---\n")
    settings = {"maas_auto_ipmi_user": "site.bmc", "maas_auto_ipmi_k_g_bmc_key": key, "maas_auto_ipmi_workaround_flags": "opensesspriv authcap",
                "maas_auto_ipmi_cipher_suite_id": ""}
    before = {name: api.admin.get("maas/?op=get_config", name=name).json() for name in settings}
    for name, value in settings.items():
        assert api.admin.post("maas/?op=set_config", name=name, value=value).status == 200
    say(api, machine, "FAILED")
    header_too, _, told = given().partition(b"# --- End MAAS 1.0 script metadata ---\n")
    assert header_too == header and told.endswith(body)
    lines = told.removesuffix(body).decode()
    shown = subprocess.run(["bash", "-c", lines + "".join(f'printf "%s|" "${name}"; ' for name in sorted(settings))], capture_output=True,
                           text=True, check=True)
    assert shown.stdout == f"|{key}|site.bmc|opensesspriv authcap|"
    assert key not in api.admin.get(f"scripts/{script}", op="download").text
    say(api, machine, "FAILED")
    for name, value in before.items():
        api.admin.post("maas/?op=set_config", name=name, value=value or "")
