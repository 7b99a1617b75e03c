"""A deployment in the whole life of one machine, through the virtual IP and its BMC: enlisted, commissioned, taken by a plain user,
deployed until its own cloud-init says that it is up, released. BIOS in ci; UEFI and Secure Boot at level full."""
import contextlib
import os

import lab
import pytest
from labkit import plan, system
from labkit.life import Life, make_user

# With room for a busy machine; measured on a busy one (BIOS, load 7 to 28): 59 s, 43 s, 247 s, 1 s.
LIMIT_S = {"New": 240, "Ready": 240, "Deployed": 480, "Released": 60}
USER_DATA = ("#cloud-config\nruncmd:\n- [sh, -c, 'echo LIFE host=$(hostname) root=$(findmnt -no SOURCE /) "
             "keys=$(cat /home/debian/.ssh/authorized_keys | wc -l) >/dev/ttyS0']\n")


@pytest.fixture(name="life_of")
def make_life(images):
    with contextlib.ExitStack() as stack:
        def life_of(firmware, *options):
            name = f"li{os.getpid() % 10000}"
            made = stack.enter_context(lab.lab(name, "--machines", "1", "--firmware", firmware, "--images", images, *options))
            the_plan = plan.Plan.load(name)
            return Life(the_plan, the_plan.machines[0], made.facts["admin"]["api_key"])
        yield life_of


def live(life):
    life.enlist(LIMIT_S["New"])
    life.commission()
    life.wait("Ready", LIMIT_S["Ready"])
    user = make_user(life.admin, "alice")
    life.wait_off()
    life.allocate(user)
    life.deploy(user, USER_DATA)
    life.wait("Deployed", LIMIT_S["Deployed"])
    row = user.get(life.path())
    assert (row["owner"], row["osystem"], row["distro_series"], row["netboot"]) == ("alice", "debian", "bookworm", False)
    said = system.wait_for("the user's data to run", lambda: [line for line in life.console().splitlines()
                                                              if "LIFE host=" in line and "$" not in line], 60)
    assert f"host={row['hostname']} root=/dev/vda2 keys=1" in said[0]
    other = make_user(life.admin, "bob")
    assert other.call("POST", life.path() + "?op=release")[0] in (403, 404)
    life.release(user)
    life.wait("Ready", LIMIT_S["Released"])
    assert life.is_off() and not life.admin.get(life.path())["owner"]
    print("\n".join(life.story))


def test_bios(life_of):
    live(life_of("bios"))


@pytest.mark.level("full")
@pytest.mark.parametrize("firmware", ["uefi", "secureboot"])
def test_uefi(life_of, firmware):
    live(life_of(firmware))
