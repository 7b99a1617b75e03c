"""Configuration and processes of regions and racks."""
import json
import os
import pathlib
import pwd
import shutil
import signal

from . import network
from .system import (LabError, command_of, in_netns, kill_all, netns_exists, netns_pids, run, send_signal, spawn,
                     start_time, wait_for)

USER = "gantry"
NOTES = pathlib.Path("/dev/shm/gantry-lab")
SEGMENTS = pathlib.Path("/proc/sysvipc/shm")  # key, number, permissions, size, two pids, who has it
POSTGRES_BIN = "/usr/lib/postgresql/15/bin"
PROCESSES = {"regiond": "gantry-regiond", "fenced": "gantry-fenced", "rackd": "gantry-rackd",
             "haproxy": "haproxy", "postgres": "postgres"}


def postgres_bin():
    found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    if not found:
        raise LabError("PostgreSQL is not installed: run scripts/setup")
    return str(found[-1].parent)


def user_ids():
    try:
        entry = pwd.getpwnam(USER)
    except KeyError:
        raise LabError(f"there is no user {USER!r}: run scripts/setup, which makes it") from None
    return entry.pw_uid, entry.pw_gid


def _write(path, sections):
    lines = []
    for section, keys in sections.items():
        lines.append(f"[{section}]")
        lines += [f"{key} = {value}" for key, value in keys.items()]
        lines.append("")
    path.write_text("\n".join(lines), encoding="utf-8")


def notes(plan, host):
    """Where its fenced keeps its notes: in memory, as on a real host (/run), so that no disk holds up a move."""
    return NOTES / f"{plan.name}-{host.name}"


def forget_left():
    """Notes of hosts that are gone: of a lab that was not taken down."""
    for left in NOTES.glob("*-*"):
        if not netns_exists(left.name):
            shutil.rmtree(left, ignore_errors=True)


def release_memory(host):
    """The segment of a PostgreSQL that was killed: when its folder goes, nobody removes it any more."""
    try:
        key, number = map(int, (host.data / "pg" / "postmaster.pid").read_text().splitlines()[6].split())
    except (OSError, IndexError, ValueError):
        return
    for line in SEGMENTS.read_text().splitlines()[1:]:
        fields = [int(field) for field in line.split()]
        if (fields[0] & 0xffffffff, fields[1], fields[6]) == (key, number, 0):
            run("ipcrm", "-m", number, check=False)


def configure(plan, host):
    """The folders and the configuration files of a controller."""
    uid, gid = user_ids()
    for folder in (host.folder, host.data, host.run, host.folder / "log", notes(plan, host)):
        folder.mkdir(parents=True, exist_ok=True)
    for folder in (host.data, host.run):
        os.chown(folder, uid, gid)
        folder.chmod(0o750)
    region = host.role == "region"
    program = "regiond" if region else "rackd"
    fenced = {
        "fenced": {"name": f"{plan.name}-{host.name}", "user": USER, "run_dir": host.run,
                   "state_dir": notes(plan, host)},
        program: {"enabled": "yes", "path": plan.program(f"gantry-{program}"),
                  "config": host.folder / f"{program}.conf"},
        "log": {"format": "text", "level": "debug"},
    }
    if region:
        fenced["postgres"] = {"bin_dir": postgres_bin(), "data_root": host.data}
    _write(host.folder / "fenced.conf", fenced)
    _write(host.folder / f"{program}.conf", _region(plan, host) if region else _rack(host))


def _region(plan, host):
    settings = {
        "region": {"name": host.name, "address": host.address, "data_dir": host.data, "run_dir": host.run},
        "postgres": {"bin_dir": postgres_bin()},
        "vip": {"address": f"{plan.vips[host.number - 1]}/24", "interface": "mgmt0"},
        "timing": {"profile": plan.profile},
        "log": {"format": "text", "level": "debug"},
    }
    for section, keys in plan.region_settings.items():
        settings[section] = {**settings.get(section, {}), **keys}
    return settings


def _rack(host):
    return {
        "rack": {"name": host.name, "data_dir": host.data, "run_dir": host.run, "boot_dir": host.folder / "boot"},
        "provision": {"interfaces": "prov0"},
        "health": {"address": host.address},
        "log": {"format": "text", "level": "debug"},
    }


def place_images(plan, images):
    """What scripts/build-images made: all of it at the regions, the boot loaders at the racks."""
    manifest = json.loads((images / "manifest.json").read_text(encoding="utf-8"))
    uid, gid = user_ids()
    for host in plan.controllers:
        region = host.role == "region"
        target = host.data / "images" if region else host.folder / "boot"
        names = [entry["file"] for entry in manifest["files"] if region or entry["kind"] == "loader"]
        for name in [*names, *(["manifest.json"] if region else [])]:
            path = target / name
            path.parent.mkdir(parents=True, exist_ok=True)
            _link_or_copy(images / name, path)
        for folder, _, _ in os.walk(target):
            os.chown(folder, uid, gid)


def _link_or_copy(source, target):
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def start(plan, host):
    """Plug the cables in and start fenced, which starts the rest."""
    if pids(host).get("fenced"):
        raise LabError(f"{host.name} runs already")
    network.set_link(plan, host, True)
    spawn(host.netns, [plan.program("gantry-fenced"), "--config", host.folder / "fenced.conf"],
          host.folder / "log" / "console.log")


def pids(host):
    """Process name -> pids, as they are now; of postgres only the postmaster."""
    found = {}
    for pid in netns_pids(host.netns):
        command = command_of(pid)
        if not command:
            continue
        name, argv, parent = command
        for short, full in PROCESSES.items():
            if pathlib.Path(argv[0].split(" ")[0]).name.rstrip(":") == full or name == full[:15]:
                if short == "postgres" and _is_backend(parent):
                    continue
                found.setdefault(short, []).append(pid)
    return found


def _is_backend(parent):
    above = command_of(parent)
    return above is not None and above[0] == "postgres"


def chosen(host, process):
    """The pids that a fault is for: one kind of process, or all of the host."""
    if process == "all":
        return [pid for pid in netns_pids(host.netns) if command_of(pid)]
    running = pids(host).get(process)
    if not running:
        raise LabError(f"{process} does not run on {host.name}")
    return running


def kill(plan, host, process):
    if process == "all":
        network.set_link(plan, host, False)  # no FIN, no RST
        kill_all(host.netns)
    else:
        send_signal(chosen(host, process), signal.SIGKILL)


def pause(host, process):
    send_signal(chosen(host, process), signal.SIGSTOP)


def resume(host, process):
    send_signal(chosen(host, process), signal.SIGCONT)


def stop_orderly(host, timeout_s=15):
    """SIGTERM to fenced and wait until the host is empty; what is left then is killed."""
    running = pids(host).get("fenced", [])
    resume(host, "all")
    send_signal(running, signal.SIGTERM)
    try:
        wait_for(f"{host.name} to stop", lambda: not chosen(host, "all"), timeout_s if running else 0)
    except LabError:
        kill_all(host.netns)


def alive(pid, started):
    return start_time(pid) == started


def tail(host, lines=25):
    """The end of a controller's log, for error messages."""
    try:
        text = (host.folder / "log" / "console.log").read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return "(no log)"
    return "\n".join(text.splitlines()[-lines:])


def gantry(plan, host, *arguments, **options):
    """The command line tool, on a host."""
    config = host.folder / ("regiond.conf" if host.role == "region" else "rackd.conf")
    environment = {**os.environ, **tool_environment(plan, host)}
    return run(*in_netns(host.netns, plan.program("gantry"), *arguments), env=environment, **options), config


def tool_environment(plan, host):
    """What `lab exec` adds, so that `gantry` is found and configured."""
    environment = {"PATH": f"{plan.build}:{os.environ.get('PATH', '/usr/bin:/bin')}",
                   "XDG_CONFIG_HOME": str(plan.folder / "client" / "config")}
    if host.role == "region":
        environment["GANTRY_SOCKET"] = str(host.run / "regiond.sock")
    return environment
