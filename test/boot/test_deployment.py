"""A deployment in the whole life of one machine, through the virtual IP and its BMC: enlisted by the agent, commissioned under a stock
system by its cloud-init (with UEFI by the agent), taken by a plain user, deployed until its own cloud-init says that it is up,
released. BIOS in ci, in a cluster of three regions and two racks of which one controller dies at a point that GANTRY_SEED (printed)
chooses; at level full, where nobody dies, UEFI, Secure Boot, rescue mode and a system in memory."""
import contextlib
import os
import random
import time

import lab
import pytest
from labkit import kill_points, system
from labkit.life import built_in, make_user
from labkit.under_fire import LIMIT_S, UnderFire

NEW_S = 240
USER_DATA = ("#cloud-config\nruncmd:\n- [sh, -c, 'echo LIFE host=$(hostname) root=$(findmnt -no SOURCE /) "
             "keys=$(cat /home/debian/.ssh/authorized_keys | wc -l) >/dev/ttyS0']\n")
CLUSTER = ("--regions", "3", "--racks", "2")
SLOW = ("image",)  # more than a minute until a machine whose rack is gone goes on: scripts/kills
POINTS = [point for point in kill_points.POINTS if point.part.startswith(("commission", "deploy")) and
          point.part != "commission-uefi" and point.name not in SLOW]


@pytest.fixture(name="fire_of")
def make_fire(images):
    with contextlib.ExitStack() as stack:
        def fire_of(firmware, *options):
            name = f"li{os.getpid() % 10000}"
            made = stack.enter_context(lab.lab(name, "--machines", "1", "--firmware", firmware, "--images", images, *options))
            fire = UnderFire(made.plan, made.facts["admin"]["api_key"], print)
            stack.callback(fire.close)
            return fire
        yield fire_of


def commission(fire, points, stock):
    life = fire.scene.life
    if stock:
        fire.admin.post("maas/?op=set_config", name="commissioning_distro_series", value=built_in(fire.plan).partition("/")[2])
    fire.commission([point for point in points if point.part == "commission"])
    life.wait_off()
    assert any("'cloudinit' start modules-final" in event for event in life.events()) == stock, life.events()
    results = life.admin.get(f"nodes/{life.system_id}/results/current-commissioning/")["results"]
    assert {row["status_name"] for row in results} == {"Passed"} and len(results) > 5, results


def live(fire, points=(), stock=True):
    life = fire.use(1)
    life.enlist(NEW_S)
    commission(fire, points, stock)
    user, other = make_user(fire.admin, "alice"), make_user(fire.admin, "bob")
    fire.deploy([point for point in points if point.goal == "Deployed"], user, USER_DATA)
    row = user.get(life.path())
    assert (row["owner"], row["osystem"], row["netboot"]) == ("alice", "debian", False)
    said = system.wait_for("the user's data to run", lambda: [line for line in life.console().splitlines()
                                                              if "LIFE host=" in line and "$" not in line], 60)
    assert f"host={row['hostname']} root=/dev/vda2 keys=1" in said[0]
    assert other.call("POST", life.path() + "?op=release")[0] in (403, 404)
    fire.release([point for point in points if point.goal == "Ready" and point.part != "commission"], user)
    assert life.is_off() and not life.admin.get(life.path())["owner"]
    print("\n".join(life.story))
    assert [row["point"] for row in fire.rows if row["ok"]] == [point.name for point in points], fire.rows


def test_bios(fire_of):
    seed = int(os.environ.get("GANTRY_SEED") or time.time())
    point = random.Random(seed).choice(POINTS)
    print(f"GANTRY_SEED={seed}: {point.name}: {point.what}")
    live(fire_of("bios", *CLUSTER), [point])


@pytest.mark.level("full")
@pytest.mark.parametrize("firmware", ["uefi", "secureboot"])
def test_uefi(fire_of, firmware):
    live(fire_of(firmware), stock=firmware == "secureboot")


def ssh(life, key, *argv):
    """What root on the machine says to this, asked from the rack, and what ssh itself says."""
    address, = life.admin.get(life.path())["ip_addresses"]
    return system.run(*system.in_netns(life.plan.racks[0].netns, "ssh", "-i", key, "-o", "StrictHostKeyChecking=no", "-o", "LogLevel=ERROR",
                                       "-o", "UserKnownHostsFile=/dev/null", "-o", "ConnectTimeout=5", "-o", "BatchMode=yes",
                                       f"root@{address}", *argv), check=False).stdout


@pytest.mark.level("full")
def test_rescue_and_memory(fire_of, tmp_path):
    """People look inside by SSH; then a system runs in memory, and the disk stays as it was."""
    fire = fire_of("bios")
    life, keys = fire.use(1), [tmp_path / "key", tmp_path / "other"]
    life.enlist(NEW_S)
    commission(fire, (), stock=False)
    for key in keys:
        system.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key)
    life.admin.post("account/prefs/sshkeys/", key=(tmp_path / "key.pub").read_text(encoding="ascii").strip())
    life.admin.post(life.path() + "?op=rescue_mode")
    life.wait("Rescue mode", NEW_S)
    system.wait_for("a shell", lambda: ssh(life, keys[0], "id -un") == "root\n", 60)
    seen = ssh(life, keys[0], "lsblk -dno NAME; vgs --version")
    assert "vda" in seen and "LVM version" in seen
    assert "Permission denied" in ssh(life, keys[1], "id -un")
    life.admin.post(life.path() + "?op=exit_rescue_mode")
    life.wait("Ready", 60)
    user = make_user(fire.admin, "alice")
    life.allocate(user)
    life.deploy(user, USER_DATA, ephemeral_deploy="true")
    life.wait("Deployed", LIMIT_S["Deployed"])
    system.wait_for("the user's data to run", lambda: "LIFE host=" in life.console(), 60)
    with open(life.machine.folder / "disk.img", "rb") as disk:
        assert not any(disk.read(1 << 20))
    fire.release((), user)
    print("\n".join(life.story))
