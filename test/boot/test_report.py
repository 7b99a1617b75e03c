"""What the agent says to a region, without a machine: `gantry-agent --report` on a recorded tree."""
import os
import pathlib
import subprocess
import time

import pytest
from metadata import KEY, SYSTEM_ID

TREES = pathlib.Path(__file__).resolve().parents[1] / "unit" / "agent" / "trees"
MAC = "52:54:00:00:00:01"


def lay_out(name, folder):
    """A recorded tree as files: the form is said in test/lib/test_tree.h."""
    lines = iter((TREES / f"{name}.txt").read_text(encoding="utf-8").splitlines())
    for line in lines:
        if not line or line.startswith("#"):
            continue
        name, form, *rest = line.split(" ", 2)
        text = rest[0] if rest else ""
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if form == "->":
            path.symlink_to(text)
        elif form == ":":
            path.write_bytes(bytes.fromhex(text))
        elif form == "=":
            path.write_text(text + "\n", encoding="utf-8")
        else:
            kept = []
            while (line := next(lines)) != form[2:]:
                kept.append(line + "\n")
            path.write_text("".join(kept), encoding="utf-8")
    return folder


@pytest.fixture(name="tree")
def make_tree(tmp_path):
    return lay_out("bios_vm", tmp_path / "tree")


@pytest.fixture(name="report")
def make_report(build, tree, region):
    def report(url=None, limit_s=30, bootif="01-" + MAC.replace(":", "-"), root=tree):
        cmdline = f"ro BOOTIF={bootif} gantry.limit_s={limit_s} cloud-config-url={url or region.enlist_url()}"
        result = subprocess.run([build / "gantry-agent", "--report", "--root", root, "--cmdline", cmdline],
                                capture_output=True, text=True, timeout=90, check=False,
                                env={"PATH": os.environ["PATH"], "http_proxy": "http://127.0.0.1:1/"})
        assert "Sanitizer" not in result.stderr, result.stderr
        if region.failure:
            raise region.failure
        return result
    return report


def steps(region):
    return [(request.method, request.path.removeprefix("/MAAS/")) for request in region.requests]


ENLISTED = [("GET", "metadata/latest/enlist-preseed/"), ("GET", "api/2.0/machines/"), ("POST", "api/2.0/machines/"),
            ("GET", f"metadata/latest/by-id/{SYSTEM_ID}/"), ("GET", "metadata/2012-03-01/gantry/task"),
            ("POST", "metadata/2012-03-01/"), ("POST", "metadata/2012-03-01/")]


def test_unknown_machine_is_enlisted(region, report):
    result = report()
    assert result.returncode == 0, result.stderr
    assert steps(region) == ENLISTED
    assert region.machines == [{"architecture": "amd64/generic", "mac_addresses": MAC, "commission": "false",
                                "boot_method": "bios", "hardware_uuid": "b3f0a9a0-6f0f-4e0e-9d53-8d1f4f8b2f10"}]
    assert region.inventory()["interfaces"][0]["boot"] is True
    assert region.signals()[-1].text_parts() == {"op": "signal", "status": "OK"}
    assert "this machine is happy-hippo (4y3h7n)" in result.stderr
    for secret in KEY.values():
        assert secret not in result.stderr
    for request in region.requests[:4]:
        assert "Authorization" not in request.headers


def test_boot_interface_is_named_first(region, report, tmp_path):
    server = lay_out("numa_server", tmp_path / "server")
    assert report(bootif="01-f8-f2-1e-00-00-11", root=server).returncode == 0
    assert region.machines[0]["mac_addresses"] == "f8:f2:1e:00:00:11,f8:f2:1e:00:00:10"
    assert region.machines[0]["boot_method"] == "uefi"


def test_registered_machine_says_nothing(region, report):
    region.registered.add(MAC)
    result = report()
    assert result.returncode == 0
    assert steps(region) == ENLISTED[:2]
    assert f"{MAC} belongs to a machine the region knows already" in result.stderr


def test_known_machine_goes_on_with_its_key(region, report):
    region.known = True
    assert report().returncode == 0
    assert steps(region) == [ENLISTED[0], *ENLISTED[4:]]


def test_faults_are_outlived(region, report):
    """Refusals that pass and an answer that is lost at each step: all of it arrives, the machine is one."""
    region.faults = {
        ("GET", "/MAAS/metadata/latest/enlist-preseed/"): [502],
        ("GET", "/MAAS/api/2.0/machines/"): [503, "lost"],
        ("POST", "/MAAS/api/2.0/machines/"): ["lost", 504],
        ("GET", f"/MAAS/metadata/latest/by-id/{SYSTEM_ID}/"): [429],
        ("GET", "/MAAS/metadata/2012-03-01/gantry/task"): [500],
        ("POST", "/MAAS/metadata/2012-03-01/"): ["lost", 500],
    }
    result = report()
    assert result.returncode == 0, result.stderr
    assert len(region.machines) == 1
    assert region.ended()
    assert len(region.requests) == len(ENLISTED) + 9
    assert "status 503" in result.stderr and "trying again in" in result.stderr


def test_another_rack_takes_the_place_of_a_dead_one(region, report):
    """Each URL names a rack that nobody answers at; the command line names the one that does."""
    region.listen("127.0.0.2", 0)
    region.base = region.base.replace("127.0.0.2", "127.0.0.1")
    result = report(region.enlist_url() + " gantry.racks=127.0.0.1,127.0.0.2")
    assert result.returncode == 0, result.stderr
    assert steps(region) == ENLISTED and region.ended()
    assert "http://127.0.0.1" in result.stderr and "trying again" in result.stderr


@pytest.mark.parametrize("fault,status,text", [
    (404, 4, "status 404"), (403, 3, "status 403"), (400, 2, "status 400")])
def test_refusal_for_good_ends_it(region, report, fault, status, text):
    region.faults = {("POST", "/MAAS/api/2.0/machines/"): [fault] * 9}
    result = report()
    assert result.returncode == status and text in result.stderr
    assert steps(region) == ENLISTED[:3]


def test_refused_inventory_is_told(region, report):
    region.faults = {("POST", "/MAAS/metadata/2012-03-01/"): [400]}
    result = report()
    assert result.returncode == 2
    last = region.signals()[-1].text_parts()
    assert last["status"] == "FAILED" and "status 400" in last["error"]


@pytest.mark.parametrize("text,says", [
    ("<html>", "does not begin with #cloud-config"),
    ("#cloud-config\nx: y\n", "no datasource.MAAS.metadata_url"),
    ("#cloud-config\n" + "a: b\n" * 100000, "")], ids=["html", "empty", "large"])
def test_bad_preseed(region, report, text, says):
    region.texts["/MAAS/metadata/latest/enlist-preseed/"] = text
    result = report()
    assert result.returncode == 2
    assert says in result.stderr and "preseed" in result.stderr
    assert steps(region) in ([ENLISTED[0]], [])


@pytest.mark.parametrize("answer", ["", "null", "[1]", '{"system_id": 5}', '{"system_id": "../x"}', '{"system_id": ""}'])
def test_bad_answer_to_enlistment(region, report, answer):
    region.texts["/MAAS/api/2.0/machines/"] = answer
    result = report()
    assert result.returncode == 2
    assert "has no system_id" in result.stderr


def test_time_is_limited(report):
    start = time.monotonic()
    result = report("http://127.0.0.1:9/preseed", limit_s=3)
    assert result.returncode == 6
    assert "gave up, the time of 3 s is over" in result.stderr
    assert time.monotonic() - start < 8


def test_work_in_a_system_that_runs(build, tree, region):
    """--work commissions, with the command line of the tree; what needs the machine for itself is refused."""
    (tree / "proc" / "cmdline").write_text(f"ro gantry.limit_s=30 cloud-config-url={region.base}metadata/latest/by-id/{SYSTEM_ID}/"
                                           "?op=get_preseed\n", encoding="utf-8")
    for task, status in (("commission", 0), ("erase", 2)):
        region.task = {"task": task, "end": "poweroff", "system_id": SYSTEM_ID}
        result = subprocess.run([build / "gantry-agent", "--work", "--root", tree], capture_output=True, text=True, timeout=60, check=False)
        assert not region.failure and "Sanitizer" not in result.stderr
        assert result.returncode == status, result.stderr
        assert [signal.text_parts()["status"] for signal in region.signals()] == ["WORKING", "OK"]
    assert "task erase is not for a system that runs already" in result.stderr


def test_wrong_use(build, tmp_path):
    def agent(*argv):
        return subprocess.run([build / "gantry-agent", *argv], capture_output=True, text=True, timeout=20, check=False)
    for argv in ([], ["--dump", "--report"], ["--report"], ["--dump", "--root"], ["--frob"], ["--dump", "--cmdline", "x"],
                 ["--report", "--cmdline", "BOOTIF=x"], ["--work", "--dump"], ["--work", "--report", "--cmdline", "x"]):
        result = agent(*argv)
        assert result.returncode == 2 and result.stderr.startswith("gantry-agent: "), argv
        assert result.stdout == ""
    assert agent("--dump", "--root", str(tmp_path / "none")).returncode == 4
    assert agent("--version").stdout.startswith("gantry-agent 0.")
    assert "cloud-config-url" in agent("--help").stdout
    assert agent("--report", "--cmdline", "quiet").stderr.count("nobody to report to") == 1
