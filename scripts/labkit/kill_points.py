"""The named points of a machine's life at which a controller dies: what is waited for, who dies, how.

A point sees its moment in packets, in orders at the BMC, on the serial port or in connections, never by the clock. `part` is
the part of a life it is in; points of one part are taken in one life, each when the one before it is over and mended.
"""
import dataclasses
import re
import shutil

from . import hosts, stage
from .system import LabError, in_netns, run

MIB = 1 << 20
KERNEL_BYTES, IMAGE_BYTES, FETCH_BYTES = 1 * MIB, 24 * MIB, 16 * MIB
SLOW = ("rate", "160mbit", "burst", "64kb", "latency", "50ms")  # of a rack's network, where the host's own is too fast to see


@dataclasses.dataclass
class Point:
    name: str
    part: str
    what: str      # who dies when, for people
    goal: str      # the status that the machine must reach with nobody's help
    seen: object   # seen(scene) -> (Host that dies, what was seen) or None
    fault: str = "all"  # all of the host, one process of it, or "freeze"
    prepare: object = None  # prepare(scene), before its moment is waited for
    past: object = None  # past(scene): the machine is over it, though not where it goes; None = where it goes
    undo: object = None  # undo(scene): what was prepared goes again


def rack_at(scene, address):
    return next((rack for rack in scene.plan.racks if rack.provision_address == address), None)


def with_host(host, text):
    return (host, text) if host else None


# ---- what is seen

def told(scene, order):
    """The BMC was told so since the point was armed: the rack has not answered yet, or nobody has recorded it."""
    return any(line.endswith(f" {order}") for line in scene.orders()[scene.mark_orders:])


def power_order(scene):
    return told(scene, "power 1") and with_host(scene.chosen, "the BMC was told: power on; nobody has recorded it")


def release_order(scene):
    return told(scene, "power 0") and with_host(scene.chosen, "the BMC was told: power off; nobody has recorded it")


def results(scene):
    post = scene.wire.posted(scene.mark_posts, b"exit_status")
    return post and with_host(scene.chosen, "the machine posts the result of a script")


def dhcp(scene):
    offer = next((message for message in scene.wire.dhcp[scene.mark_dhcp:] if message["type"] == "offer"), None)
    return offer and with_host(rack_at(scene, offer["server"]), f"{offer['server']} offers {offer['address']}")


def _transfer(scene, proto, name, least_bytes):
    one = scene.wire.transfer(scene.mark_transfers, name, least_bytes)
    if not one or one["proto"] != proto:
        return None
    return with_host(rack_at(scene, one["server"]), f"{proto} {one['name'].split('?')[0]}: {one['bytes'] / MIB:.1f} MiB are here")


def tftp(scene):
    return _transfer(scene, "tftp", "vmlinuz", KERNEL_BYTES)


def kernel(scene):
    return _transfer(scene, "http", "vmlinuz", KERNEL_BYTES)


def image_comes(scene, least_bytes=IMAGE_BYTES):
    """The transfer of the image in this life, while it is under way."""
    one = scene.wire.transfer(scene.mark_life, scene.image_name, least_bytes)
    return one if one and not scene.serial_has(r"stage-extract: done") else None


def image(scene):
    one = image_comes(scene)
    return one and with_host(rack_at(scene, one["server"]), f"{one['bytes'] / MIB:.1f} MiB of the image are on the machine")


def netboot_off(scene):
    return is_installed(scene) and with_host(scene.chosen, "it is installed and restarts")


def deployed(scene):
    post = scene.wire.posted(scene.mark_posts, b"modules-final", b"finish")
    return post and with_host(scene.chosen, "the installed system posts modules-final")


def frozen(scene):
    one = image_comes(scene)
    return one and with_host(scene.chosen, f"{one['bytes'] / MIB:.1f} MiB of the image are on the machine")


def fetched(rack, regions):
    """{(rack, own port, region): bytes} of what a rack has from regions over the hop port, by its open connections."""
    text = run(*in_netns(rack.netns, "ss", "-Htni", "state", "established", "dport", "=", ":5252"), check=False).stdout
    found, lines = {}, text.splitlines()
    for ends, more in zip(lines, lines[1:]):
        received = re.search(r"bytes_received:(\d+)", more)
        region = next((host for host in regions if f"{host.address}:5252" in ends or f"{host.address}]:5252" in ends), None)
        if received and region:
            found[(rack.name, ends.split()[2].rpartition(":")[2], region.name)] = int(received[1])
    return found


def blob(scene):
    """Which region a rack has a part of the image from: what comes after the agent has its task."""
    now = {}
    for rack in scene.plan.racks:
        now.update(fetched(rack, scene.plan.regions))
    if not agent_works(scene):
        scene.fetched = now
        return None
    for key, size in now.items():
        more = size - scene.fetched.get(key, 0)
        if more >= FETCH_BYTES:
            return scene.plan.host(key[2]), f"{key[0]} has {more / MIB:.0f} MiB of the image from {key[2]}"
    return None


def importing(scene):
    address, sent = scene.mirror.under_way(FETCH_BYTES)
    region = next((host for host in scene.plan.regions if host.address == address), None)
    return region and (region, f"{region.name} has {sent / MIB:.0f} MiB from the mirror")


def agent_works(scene):
    return scene.serial_has(r"gantry-agent: task: deploy")


def is_installed(scene):
    return scene.serial_has(r"gantry-agent: rebooting")


# ---- what is prepared

def choose_leader(scene):
    """Who dies is the leader and the primary, in one."""
    status = stage.put_all_on_one(scene.plan, scene.tell)
    scene.chosen = scene.plan.host(status["primary"]["name"])


def cold_racks(scene):
    """The racks have not got the image, and their network is slow enough to see it come."""
    for rack in scene.plan.racks:
        run(*in_netns(scene.plan.hub, "tc", "qdisc", "replace", "dev", rack.hub_port, "root", "tbf", *SLOW))
        hosts.pause(rack, "fenced")  # nobody starts it again while its files go
        hosts.kill(scene.plan, rack, "rackd")
        shutil.rmtree(rack.data / "images", ignore_errors=True)
        hosts.resume(rack, "fenced")
    scene.wait_whole()


def warm_racks(scene):
    for rack in scene.plan.racks:
        run(*in_netns(scene.plan.hub, "tc", "qdisc", "del", "dev", rack.hub_port, "root"), check=False)


POINTS = (
    Point("import", "import", "the region that imports an image, in the middle of it", "imported", importing),
    Point("results", "commission", "the primary's PostgreSQL, as results of commissioning come", "Ready", results, "postgres",
          choose_leader),
    Point("tftp", "commission-uefi", "the serving rack, in the middle of the kernel by TFTP", "Ready", tftp),
    Point("power", "deploy-1", "the leader, while the power order is under way", "Deployed", power_order, "all", choose_leader,
          agent_works),
    Point("netboot-off", "deploy-1", "the leader, between installed and the boot from disk", "Deployed", netboot_off, "all",
          choose_leader),
    Point("release", "deploy-1", "the leader, while the machine is powered off for the release", "Ready", release_order, "all",
          choose_leader),
    Point("dhcp", "deploy-2", "the serving rack, between offer and acknowledgement", "Deployed", dhcp, past=agent_works),
    Point("frozen", "deploy-2", "the leader and primary stands still in the middle of the image, and comes back", "Deployed",
          frozen, "freeze", choose_leader, is_installed),
    Point("deployed", "deploy-2", "the primary, as the installed system says that it is up", "Deployed", deployed, "all",
          choose_leader),
    Point("kernel", "deploy-3", "the serving rack, in the middle of the kernel by HTTP", "Deployed", kernel),
    Point("blob", "deploy-4", "the region that a rack fetches the image from", "Deployed", blob, "all", cold_racks, image_comes,
          warm_racks),
    Point("image", "deploy-4", "the serving rack, in the middle of the image", "Deployed", image),
)
PARTS = tuple(dict.fromkeys(point.part for point in POINTS))


def choose(words, random):
    """The points of `all`, `random` or names by commas, in the order of the table. LabError on another name."""
    if words == "all":
        return list(POINTS)
    if words == "random":
        return [random.choice(POINTS)]
    names = words.split(",")
    unknown = [name for name in names if name not in {point.name for point in POINTS}]
    if unknown:
        raise LabError(f"--points: there is no {', '.join(unknown)}; there are {', '.join(point.name for point in POINTS)}")
    return [point for point in POINTS if point.name in names]


def strike(scene, point, host):
    if point.fault == "freeze":
        hosts.pause(host, "all")
    else:
        hosts.kill(scene.plan, host, point.fault)


def mend(scene, point, host):
    """What an operator does afterwards, when the machine has got there without."""
    if point.fault == "freeze":
        hosts.resume(host, "all")
    elif point.fault == "all":
        hosts.start(scene.plan, host)
    if point.undo:
        point.undo(scene)
    scene.wait_whole()
