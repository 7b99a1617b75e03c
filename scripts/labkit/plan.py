"""Names, addresses and files of a lab. Everything is derived from its name and its numbers.

Two networks, both inside a hub namespace: management (regions, racks, BMCs, the client, the virtual
IPs) and provisioning (racks and machines). Two labs never share a namespace, so their addresses may
be the same.
"""
import dataclasses
import json
import os
import pathlib
import re

from .system import LabError

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = pathlib.Path(os.environ.get("GANTRY_BUILD") or ROOT / "build" / "release")  # run if no other is named
REGISTRY = pathlib.Path("/run/gantry-lab")  # NAME -> its folder
MANAGEMENT = "10.89.0"
PROVISION = "10.77.0"
FIRMWARES = ("bios", "uefi", "secureboot")
MARKER = ".gantry-lab"  # a folder with this file was made by us


@dataclasses.dataclass
class Host:
    """A region, a rack or the client: one network namespace, one folder."""
    name: str
    role: str
    address: str  # on the management network
    netns: str
    folder: pathlib.Path
    number: int
    provision_address: str = ""

    @property
    def data(self):
        return self.folder / "data"

    @property
    def run(self):
        return self.folder / "run"

    @property
    def hub_port(self):
        """The hub's end of its link to the management bridge."""
        return f"m-{self.name}"[:15]

    @property
    def hub_provision_port(self):
        return f"p-{self.name}"[:15]


@dataclasses.dataclass
class Machine:
    """A virtual machine with a BMC."""
    name: str
    number: int
    mac: str
    bmc_address: str
    folder: pathlib.Path
    firmware: str = "bios"
    bmc_port: int = 623
    bmc_user: str = "maas"
    bmc_password: str = "s3cretpw"
    memory_mib: int = 1536
    disk_gib: int = 8
    cpus: int = 1
    in_band: bool = False  # the machine itself reaches its BMC

    @property
    def tap(self):
        return f"t-{self.name}"[:15]

    @property
    def serial_log(self):
        return self.folder / "serial.log"

    @property
    def orders(self):
        """What its BMC was told to do with the power, line by line: time, what, value."""
        return self.folder / "orders"


class Plan:
    """What a lab consists of."""

    def __init__(self, name, folder, regions=1, racks=1, machines=1, profile="default", firmware="bios", build=""):
        if not re.fullmatch(r"[a-z][a-z0-9]{0,7}", name):
            raise LabError(f"name {name!r}: expected a letter and up to 7 letters or digits")
        self.name, self.folder = name, pathlib.Path(folder)
        self.profile, self.firmware, self.build = profile, firmware, pathlib.Path(build) if build else None
        self.numbers = {"regions": regions, "racks": racks, "machines": machines}
        self.region_settings = {}  # beyond the lab's own: {section: {key: value}}
        self.hub = f"{name}-hub"
        self.vips = [f"{MANAGEMENT}.{100 + i}" for i in range(regions)]
        self.regions = [self._host("region", i, 10 + i) for i in range(1, regions + 1)]
        self.racks = [self._host("rack", i, 20 + i) for i in range(1, racks + 1)]
        for rack in self.racks:
            rack.provision_address = f"{PROVISION}.{rack.number}"
        firmwares = firmware.split(",")  # of the machines in turn
        if not set(firmwares) <= set(FIRMWARES):
            raise LabError(f"firmware {firmware!r}: expected {', '.join(FIRMWARES)}, or several by commas")
        self.client = Host("client", "client", f"{MANAGEMENT}.5", f"{name}-client", self.folder / "client", 0)
        self.machines = [
            Machine(f"machine{i}", i, f"52:54:00:{sum(name.encode()) % 256:02x}:00:{i:02x}",
                    f"{MANAGEMENT}.{150 + i}", self.folder / f"machine{i}", firmwares[(i - 1) % len(firmwares)])
            for i in range(1, machines + 1)]

    def _host(self, role, number, last):
        name = f"{role}{number}"
        return Host(name, role, f"{MANAGEMENT}.{last}", f"{self.name}-{name}", self.folder / name, number)

    @property
    def hosts(self):
        return [*self.regions, *self.racks, self.client]

    @property
    def controllers(self):
        return [*self.regions, *self.racks]

    @property
    def api_url(self):
        return f"http://{self.vips[0]}:5240/MAAS/api/2.0/"

    @property
    def provision_subnet(self):
        return f"{PROVISION}.0/24"

    def host(self, name):
        for host in self.hosts:
            if host.name == name:
                return host
        raise LabError(f"no host {name!r}: this lab has {' '.join(h.name for h in self.hosts)}")

    def program(self, name):
        path = self.build / name
        if not path.exists():
            raise LabError(f"{path} is missing: build first (cmake --preset release && cmake --build --preset release)")
        return path

    def save(self):
        """Everything another call needs to find this lab again."""
        REGISTRY.mkdir(mode=0o755, exist_ok=True)
        arguments = {"name": self.name, "folder": str(self.folder), "profile": self.profile,
                     "firmware": self.firmware, "build": str(self.build or ""), **self.numbers}
        (REGISTRY / f"{self.name}.json").write_text(json.dumps(arguments, indent=1) + "\n", encoding="utf-8")

    def forget(self):
        (REGISTRY / f"{self.name}.json").unlink(missing_ok=True)

    @staticmethod
    def load(name):
        try:
            return Plan(**json.loads((REGISTRY / f"{name}.json").read_text(encoding="utf-8")))
        except FileNotFoundError:
            raise LabError(f"there is no lab {name!r}; `scripts/lab up --name {name}` makes one") from None
