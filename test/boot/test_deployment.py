"""A deployment in the whole life of one machine, through the virtual IP and its BMC: enlisted, commissioned, taken by a plain user,
deployed until its own cloud-init says that it is up, released. BIOS in ci; UEFI and Secure Boot at level full."""
import base64
import contextlib
import os
import time

import lab
import pytest
from labkit import bringup, discover, plan, system

# With room for a busy machine; measured on a busy one (BIOS, load 7 to 28): 59 s, 43 s, 247 s, 1 s.
LIMIT_S = {"New": 240, "Ready": 240, "Deployed": 480, "Released": 60}
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBIY87mFdJhxQEHyEp8AaTFXANTmpWS1zXIJqPvRNyaT somebody"
USER_DATA = ("#cloud-config\nruncmd:\n- [sh, -c, 'echo LIFE host=$(hostname) root=$(findmnt -no SOURCE /) "
             "keys=$(cat /home/debian/.ssh/authorized_keys | wc -l) >/dev/ttyS0']\n")


class Life:
    def __init__(self, the_plan, key):
        self.plan, self.machine = the_plan, the_plan.machines[0]
        self.admin = bringup.Api(the_plan, key)
        self.start, self.story, self.system_id = time.monotonic(), [], None

    def say(self, text):
        self.story.append(f"{time.monotonic() - self.start:6.1f} s  {text}")

    def path(self):
        return f"machines/{self.system_id}/"

    def status(self):
        return self.admin.get(self.path())["status_name"]

    def wait(self, status, limit_s):
        begin = time.monotonic()

        def there():
            now = self.status()
            if now.startswith("Failed"):
                pytest.fail("\n".join([*self.story, now, *self.events(), self.console()]))
            return now == status
        try:
            system.wait_for(status, there, limit_s, 0.5)
        except system.LabError:
            pytest.fail("\n".join([*self.story, f"no {status} within {limit_s} s, it is {self.status()}", *self.events(),
                                   self.console()]))
        self.say(f"{status} after {time.monotonic() - begin:.1f} s")

    def console(self):
        return discover.Serial(self.machine).text()[-5000:]

    def events(self):
        rows = self.admin.get("events/", op="query", id=self.system_id, level="DEBUG", limit=60)["events"]
        return [f"{row['created']} {row['type']} {row['description']}" for row in reversed(rows)]

    def enlist(self, limit_s):
        row = discover.watch(self.plan, self.machine, self.admin.key, limit_s, lambda seconds, text: None)
        self.system_id = row["system_id"]
        self.say("New")
        bmc = self.machine
        self.admin.put(self.path(), power_type="ipmi", power_parameters_power_address=bmc.bmc_address,
                       power_parameters_power_user=bmc.bmc_user, power_parameters_power_pass=bmc.bmc_password,
                       power_parameters_power_driver="LAN_2_0", power_parameters_cipher_suite_id="3")

    def user(self, name):
        """A plain user with an SSH key."""
        self.admin.post("users/", username=name, email=f"{name}@example.com", password="secret", is_superuser="0")
        token = self.admin.post("../../accounts/authenticate/", username=name, password="secret")
        user = bringup.Api(self.plan, ":".join(token[part] for part in ("consumer_key", "token_key", "token_secret")))
        user.post("account/prefs/sshkeys/", key=KEY)
        return user

    def deploy(self, user):
        mine = user.post("machines/?op=allocate")
        assert (mine["system_id"], mine["status_name"]) == (self.system_id, "Allocated")
        self.machine.serial_log.unlink()
        row = user.post(self.path() + "?op=deploy", distro_series="debian/bookworm",
                        user_data=base64.b64encode(USER_DATA.encode()).decode())
        assert row["status_name"] == "Deploying"


@pytest.fixture(name="life_of")
def make_life(images):
    with contextlib.ExitStack() as stack:
        def life_of(firmware, *options):
            name = f"li{os.getpid() % 10000}"
            made = stack.enter_context(lab.lab(name, "--machines", "1", "--firmware", firmware, "--images", images, *options))
            return Life(plan.Plan.load(name), made.facts["admin"]["api_key"])
        yield life_of


def live(life):
    life.enlist(LIMIT_S["New"])
    life.admin.post(life.path() + "?op=commission")
    life.wait("Ready", LIMIT_S["Ready"])
    user = life.user("alice")
    system.wait_for("off", lambda: discover.is_off(life.plan, life.machine), 60)
    life.deploy(user)
    life.wait("Deployed", LIMIT_S["Deployed"])
    row = user.get(life.path())
    assert (row["owner"], row["osystem"], row["distro_series"], row["netboot"]) == ("alice", "debian", "bookworm", False)
    said = system.wait_for("the user's data to run", lambda: [line for line in life.console().splitlines()
                                                              if "LIFE host=" in line and "$" not in line], 60)
    assert f"host={row['hostname']} root=/dev/vda2 keys=1" in said[0]
    other = life.user("bob")
    assert other.call("POST", life.path() + "?op=release")[0] in (403, 404)
    user.post(life.path() + "?op=release")
    life.wait("Ready", LIMIT_S["Released"])
    assert discover.is_off(life.plan, life.machine) and not life.admin.get(life.path())["owner"]
    print("\n".join(life.story))


def test_bios(life_of):
    live(life_of("bios"))


@pytest.mark.level("full")
@pytest.mark.parametrize("firmware", ["uefi", "secureboot"])
def test_uefi(life_of, firmware):
    live(life_of(firmware))
