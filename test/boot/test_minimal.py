"""An image without kernel, boot loader and LVM (as MAAS's squashfs of Ubuntu is one without a kernel): the agent has the image's own apt
install them, from the repository of build-images; and what is said when no archive has them."""
import json
import re
import subprocess
import time

import conftest
import pytest
from metadata import SYSTEM_ID
from test_install import UP_S, image_of, lvm, task, uefi

INSTALLED_S = 1500  # emulated, dpkg and the making of the initrd take minutes; idle a third of it
IMAGE = "debian-minimal.squashfs"
KERNEL = "linux-image-cloud-amd64"
USER_DATA = ("#cloud-config\nruncmd: [[sh, -c, 'echo ran on $(hostname) left $(ls /etc/apt/gantry.list /etc/apt/apt.conf.d/90gantry "
             "/usr/sbin/policy-rc.d 2>/dev/null | wc -l) resolv $(readlink /etc/resolv.conf) >/dev/console']]\n")
STEP = "cmd-install/stage-curthooks/packages"


@pytest.fixture(name="images", scope="module")
def make_images(tmp_path_factory):
    out = tmp_path_factory.mktemp("minimal") / "images"
    subprocess.run([conftest.ROOT / "scripts" / "build-images", "--minimal", "--agent", conftest.BUILD / "gantry-agent", out], check=True,
                   timeout=600)
    return out


def packages(bench):
    """What the region says of the repository."""
    manifest = json.loads((bench.images / "manifest.json").read_text(encoding="utf-8"))
    entry = next(row for row in manifest["files"] if row["kind"] == "package-list")
    return {"repository": {"path": "/images/apt", **{key: entry[key] for key in ("os", "release", "components", "key")}}}


def begin(bench, storage, **more):
    region, off = bench.region, []
    region.known = True
    region.meta_data = {**region.meta_data, "user-data": USER_DATA}
    region.task = {**task(bench, storage), "image": image_of(bench, IMAGE, "squashfs"), **more}

    def from_disk():
        off.append(time.monotonic())
        bench.boot_from_disk()
    region.on_netboot_off = from_disk
    bench.serve("gantry.limit_s=1800")
    start = time.monotonic()
    bench.power_on()
    region.wait(lambda: off or ("cmd-install", "FAIL") in region.events(), INSTALLED_S)
    print("\n".join(line for line in bench.serial().splitlines() if "gantry-agent" in line))
    print(f"{time.monotonic() - start:.1f} s")
    return bool(off)


@pytest.mark.level("full")
@pytest.mark.parametrize("firmware,layout", [("bios", lvm), ("secureboot", uefi)])
def test_what_it_lacks_is_installed(bench_of, firmware, layout):
    bench = bench_of(firmware)
    region = bench.region
    assert begin(bench, layout(bench.machine), packages=packages(bench), kernel_package=KERNEL), bench.serial()[-6000:]
    up = region.wait(lambda: ("modules-final", "SUCCESS") in region.events(), UP_S)
    assert up, bench.serial()[-6000:]
    events = region.events()
    assert events.index((STEP, "start")) < events.index((STEP, "SUCCESS")) < events.index(("cmd-install/stage-curthooks", "SUCCESS"))
    assert not [event for event in events if event[1] == "FAIL"]
    assert re.search("ran on happy-hippo left 0 resolv ../run/systemd", bench.serial()), bench.serial()[-3000:]


@pytest.mark.level("full")
def test_no_archive_has_it(bench_of):
    """One reason for people, and the machine is off; it is not said that it may boot its disk."""
    bench = bench_of("bios")
    assert not begin(bench, lvm(bench.machine))
    bench.wait_for_power_off(120)
    said = [json.loads(request.body) for request in bench.region.requests if request.path == f"/MAAS/metadata/status/{SYSTEM_ID}"]
    reason = next(event["description"] for event in said if event["name"] == STEP and event.get("result") == "FAIL")
    print(reason)
    assert "the image has no linux-image-amd64, grub2-common, grub-pc-bin, lvm2, and no archive gives it" in reason
    assert "Failed to fetch" in reason or "Could not resolve" in reason or "Unable to locate" in reason, reason
    failed = [request.text_parts() for request in bench.region.signals() if request.text_parts().get("status") == "FAILED"]
    assert failed and "and no archive gives it: " in failed[0]["error"], failed  # it has room for the beginning
