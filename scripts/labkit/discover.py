"""An unknown machine is powered on through its BMC, watched on its serial port, and found in the API."""
import json
import os
import re
import time

from .bringup import Api
from .system import LabError, in_netns, run

IPMITOOL = "/usr/bin/ipmitool"
EVERY_S = 0.25
# What the serial port shows on the way -> what that means. Loaders glue escape codes to their lines.
STAGES = (
    (r"iPXE|PXELINUX|PXE-E|>>Start PXE|GRUB", "firmware boots over the network"),
    (r"gantry-init: started", "kernel and initrd run"),
    (r"gantry-init: network: \S+ \S+ (?P<detail>[0-9./]+)", "has an address"),
    (r"gantry-init: root: (?P<detail>\d+ MiB)", "root image is in memory"),
    (r"gantry-agent: version", "agent runs"),
    (r"gantry-agent: hardware: (?P<detail>[^;\n]*)", "hardware is read"),
    (r"gantry-agent: enlisted: this machine is (?P<detail>[^\n]*)", "has enlisted itself"),
    (r"gantry-agent: the inventory is with the region", "hardware is reported"),
    (r"gantry-agent: powering off", "powers itself off"),
)
# The same of a machine that is being commissioned, and of one that is being deployed.
COMMISSION_STAGES = (
    (r"gantry-init: started|Linux version", "commissioning: kernel and initrd run"),
    (r"gantry-agent: task: (?P<detail>\w+)", "the agent's task"),
    (r"gantry-agent: script (?P<detail>[^:\n]*)", "runs scripts, the first is"),
    (r"gantry-agent: powering off|Power down", "powers itself off"),
)
IMAGE_COMES = "the image goes to its disk"
DEPLOY_STAGES = (
    (r"gantry-init: started", "deployment: kernel and initrd run"),
    (r"gantry-agent: task: (?P<detail>\w+)", "the agent's task"),
    (r"gantry-agent: image: (?P<detail>\d+ of \d+ MiB)", IMAGE_COMES),
    (r"gantry-agent: rebooting", "is installed, and restarts"),
    (r"(?s)gantry-agent: rebooting.*(iPXE|GRUB|BdsDxe)", "asks the network again, and is sent to its disk"),
    (r"LIFE (?P<detail>host=\w[^\n]*)", "its own system ran the user's data"),
)
FAILURES = re.compile(r"gantry-init: error: [^\n]*|error gantry-agent: [^\n]*|Kernel panic[^\n]*")


def ipmi(plan, machine, *command):
    """ipmitool on the first rack, against the BMC of a machine. The password is not in argv."""
    argv = [IPMITOOL, "-I", "lanplus", "-H", machine.bmc_address, "-p", machine.bmc_port, "-U", machine.bmc_user,
            "-E", "-C", "3", *command]
    environment = {**os.environ, "IPMI_PASSWORD": machine.bmc_password}
    return run(*in_netns(plan.racks[0].netns, *argv), env=environment).stdout.strip()


def power_on(plan, machine):
    """As an operator who unpacks a server does it: once from the network, then on."""
    ipmi(plan, machine, "chassis", "bootdev", "pxe")
    ipmi(plan, machine, "chassis", "power", "on")


def is_off(plan, machine):
    return ipmi(plan, machine, "chassis", "power", "status").endswith("off")


class Serial:
    """Yields the stages that a machine's serial port has shown since the last look."""

    def __init__(self, machine, stages=STAGES):
        self.path, self.stages, self.next = machine.serial_log, stages, 0

    def text(self):
        try:
            text = self.path.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return ""
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)

    def look(self):
        text = self.text()
        while self.next < len(self.stages):
            found = [(number, match) for number in range(self.next, len(self.stages))
                     if (match := re.search(self.stages[number][0], text))]
            if not found:
                break
            number, match = found[0]  # a stage whose line was lost is skipped
            self.next = number + 1
            detail = match.groupdict().get("detail")
            yield self.stages[number][1] + (f": {detail.strip()}" if detail else "")
        failed = FAILURES.search(text)
        if failed:
            raise LabError(f"the machine says: {failed[0].strip()}")


def missing(row, machine):
    """What a discovered machine should show and row does not, as texts; nothing when all is well."""
    interfaces = row.get("interface_set") or []
    disks = row.get("physicalblockdevice_set") or []
    checks = (
        (row.get("status_name") == "New", f"status is {row.get('status_name')}, not New"),
        (row.get("architecture") == "amd64/generic", f"architecture is {row.get('architecture')}"),
        ((row.get("cpu_count") or 0) >= 1, f"cpu_count is {row.get('cpu_count')}"),
        (row.get("memory") == machine.memory_mib, f"memory is {row.get('memory')}, not {machine.memory_mib} MiB"),
        (row.get("bios_boot_method") == ("pxe" if machine.firmware == "bios" else "uefi"),
         f"bios_boot_method is {row.get('bios_boot_method')}"),
        (any(i.get("mac_address") == machine.mac for i in interfaces), f"no interface has {machine.mac}"),
        (any(d.get("size") == machine.disk_gib << 30 for d in disks), f"no disk of {machine.disk_gib} GiB"),
        ((row.get("hardware_info") or {}).get("system_serial") == f"LAB-{machine.name}",
         f"hardware_info is {row.get('hardware_info')}"),
    )
    return [text for good, text in checks if not good]


class Discovery:
    """A machine from power on until it is New with its hardware, and off again. It is looked at now and then."""

    def __init__(self, plan, machine, key):
        self.plan, self.machine = plan, machine
        self.api, self.serial = Api(plan, key), Serial(machine)
        self.row, self.complete, self.off = None, False, False

    def find(self):
        """The machine in the API, or None; what was known when the API does not answer: it is asked again."""
        status, text = self.api.call("GET", "machines/", timeout_s=3, mac_address=self.machine.mac)
        if status == 200:
            rows = json.loads(text)
            return rows[0] if rows else None
        if status and status < 500:
            raise LabError(f"GET machines/: {status} {text[:400]}")
        return self.row

    def begin(self):
        known = self.find()
        if known:
            raise LabError(f"{self.machine.mac} is no unknown machine: {known['hostname']} is {known['status_name']}")
        power_on(self.plan, self.machine)

    def look(self):
        """Yields what happened since the last look."""
        yield from self.serial.look()
        seen, self.row = self.row, self.find()
        if self.row and not seen:
            yield f"API: {self.row['hostname']} ({self.row['system_id']}) is {self.row['status_name']}"
        if self.row and not self.complete and not missing(self.row, self.machine):
            self.complete = True
            yield f"API: {self.row['hostname']} is New, with its hardware"
        if self.complete and is_off(self.plan, self.machine):
            self.off = True
            yield "is off"

    def fail(self, timeout_s):
        if not self.row:
            raise LabError(f"not discovered within {timeout_s} s; end of its console:\n{self.serial.text()[-1500:]}")
        raise LabError(f"within {timeout_s} s: {'; '.join(missing(self.row, self.machine)) or 'discovered, but not powered off'}")


def watch(plan, machine, key, timeout_s, tell):
    """Power on, then until the machine is New with its hardware and off again.

    tell(seconds since power on, text) is called for each thing that happens. Returns the machine as the API shows it.
    """
    discovery, start = Discovery(plan, machine, key), time.monotonic()
    discovery.begin()
    tell(time.monotonic() - start, f"power on through BMC {machine.bmc_address}")
    while not discovery.off:
        if time.monotonic() - start > timeout_s:
            discovery.fail(timeout_s)
        for text in discovery.look():
            tell(time.monotonic() - start, text)
        time.sleep(EVERY_S)
    return discovery.row


def hardware(row):
    """Lines that show what the API knows of a machine."""
    known = row.get("hardware_info") or {}
    gib = 1 << 30
    lines = [
        ("machine", f"{row['hostname']}  {row['system_id']}  {row['status_name']}"),
        ("system", f"{known.get('system_vendor')} {known.get('system_product')}, serial {known.get('system_serial')}"),
        ("firmware", f"{known.get('mainboard_firmware_vendor')} {known.get('mainboard_firmware_version')} "
                     f"({row.get('bios_boot_method')})"),
        ("processor", f"{row.get('cpu_count')} x {known.get('cpu_model')}, {row.get('cpu_speed')} MHz"),
        ("memory", f"{row.get('memory')} MiB, {len(row.get('numanode_set') or [])} NUMA node(s)"),
    ]
    lines += [("disk", f"{d['name']}  {d['size'] / gib:.1f} GiB  {d.get('serial') or ''}  {d.get('id_path') or ''}".rstrip())
              for d in row.get("physicalblockdevice_set") or []]
    lines += [("interface", f"{i['name']}  {i['mac_address']}  {i.get('vendor') or ''} {i.get('product') or ''}".rstrip())
              for i in row.get("interface_set") or []]
    return [f"{name:<10} {text}" for name, text in lines]
