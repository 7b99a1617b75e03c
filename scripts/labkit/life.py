"""The life of one machine through the API and its BMC: enlisted, commissioned, taken by a user, deployed, released."""
import base64
import json
import time

from . import discover
from .bringup import Api
from .system import LabError, wait_for

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBIY87mFdJhxQEHyEp8AaTFXANTmpWS1zXIJqPvRNyaT somebody"
EVERY_S = 0.5


def make_user(admin, name):
    """A plain user with an SSH key, as who may use the API."""
    admin.post("users/", username=name, email=f"{name}@example.com", password="secret", is_superuser="0")
    token = admin.post("../../accounts/authenticate/", username=name, password="secret")
    user = Api(admin.plan, ":".join(token[part] for part in ("consumer_key", "token_key", "token_secret")))
    user.post("account/prefs/sshkeys/", key=KEY)
    return user


def built_in(plan):
    """OS/RELEASE of the system that scripts/build-images made for the lab."""
    manifest = json.loads((plan.regions[0].data / "images" / "manifest.json").read_text(encoding="utf-8"))
    system = next(entry for entry in manifest["files"] if entry["kind"] == "root-image")
    return f"{system['os']}/{system['release']}"


class Life:
    """One machine. `story` has what happened, with seconds since the beginning."""

    def __init__(self, plan, machine, key):
        self.plan, self.machine, self.admin = plan, machine, Api(plan, key)
        self.serial = discover.Serial(machine)
        self.start, self.story, self.system_id = time.monotonic(), [], None

    def say(self, text):
        self.story.append(f"{time.monotonic() - self.start:6.1f} s  {text}")

    def path(self):
        return f"machines/{self.system_id}/"

    def row(self):
        """The machine as the API has it, None = no answer: it is asked again."""
        status, text = self.admin.call("GET", self.path(), timeout_s=5)
        if status and status < 500 and status != 200:
            raise LabError(f"GET {self.path()}: {status} {text[:400]}")
        return json.loads(text) if status == 200 else None

    def status(self):
        row = self.row()
        return row and row["status_name"]

    def wait(self, status, limit_s, look=lambda: None):
        """Until the machine has that status; look() is called all the while. Returns the seconds."""
        begin = time.monotonic()

        def there():
            look()
            now = self.status()
            if now and now.startswith("Failed"):
                raise LabError(f"the machine is {now}")
            return now == status
        try:
            wait_for(f"{status} of {self.machine.name}", there, limit_s, EVERY_S)
        except LabError as error:
            raise LabError("\n".join([str(error), *self.story, f"it is {self.status()}", *self.events(), self.console()])) from error
        self.say(f"{status} after {time.monotonic() - begin:.1f} s")
        return time.monotonic() - begin

    def console(self):
        return self.serial.text()[-5000:]

    def events(self):
        status, text = self.admin.call("GET", "events/", op="query", id=self.system_id, level="DEBUG", limit=60)
        rows = json.loads(text)["events"] if status == 200 else []
        return [f"{row['created']} {row['type']} {row['description']}" for row in reversed(rows)]

    def enlist(self, limit_s, tell=lambda seconds, text: None):
        row = discover.watch(self.plan, self.machine, self.admin.key, limit_s, tell)
        self.enlisted(row)

    def enlisted(self, row):
        """What follows when it is known: how its power is switched."""
        self.system_id = row["system_id"]
        self.say("New")
        bmc = self.machine
        self.admin.put(self.path(), power_type="ipmi", power_parameters_power_address=bmc.bmc_address,
                       power_parameters_power_user=bmc.bmc_user, power_parameters_power_pass=bmc.bmc_password,
                       power_parameters_power_driver="LAN_2_0", power_parameters_cipher_suite_id="3")

    def is_off(self):
        return discover.is_off(self.plan, self.machine)

    def wait_off(self, limit_s=60):
        wait_for(f"{self.machine.name} to be off", self.is_off, limit_s, EVERY_S)

    def commission(self, **how):
        self.machine.serial_log.unlink(missing_ok=True)
        self.admin.post(self.path() + "?op=commission", **how)

    def allocate(self, user):
        mine = user.post("machines/?op=allocate", system_id=self.system_id)
        if (mine["system_id"], mine["status_name"]) != (self.system_id, "Allocated"):
            raise LabError(f"allocate: {mine['system_id']} is {mine['status_name']}")

    def deploy(self, user, user_data, series=None, **how):
        """Begins it, of the built-in system if none is named; the serial log begins anew."""
        self.machine.serial_log.unlink(missing_ok=True)
        row = user.post(self.path() + "?op=deploy", distro_series=series or built_in(self.plan),
                        user_data=base64.b64encode(user_data.encode()).decode(), **how)
        if row["status_name"] != "Deploying":
            raise LabError(f"deploy: {row['status_name']}")

    def release(self, user):
        user.post(self.path() + "?op=release")
