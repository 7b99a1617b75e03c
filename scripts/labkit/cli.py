"""The command line of the lab."""
import argparse
import json
import os
import pathlib
import shutil
import sys

from . import bringup, hosts, network
from .plan import BUILD, ROOT, Plan
from .system import LabError, in_netns, run


def parser():
    top = argparse.ArgumentParser(prog="scripts/lab", description="A whole cluster on one Linux host, out of network "
                                  "namespaces: regions, racks, and virtual machines with real BMCs.")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name, text):
        sub = commands.add_parser(name, help=text, description=text)
        sub.add_argument("--name", default="lab", help="which lab (default: lab)")
        return sub

    sub = command("up", "Make a lab; ends when the API answers through the virtual IP, and prints lab.json.")
    sub.add_argument("--regions", type=int, default=1, help="how many regions (default 1)")
    sub.add_argument("--racks", type=int, default=1, help="how many racks (default 1)")
    sub.add_argument("--machines", type=int, default=1, help="how many virtual machines (default 1)")
    sub.add_argument("--profile", choices=("default", "lan-fast"), default="default", help="timing profile")
    sub.add_argument("--firmware", default="bios", help="of the machines: bios, uefi or secureboot; by commas for each in turn")
    sub.add_argument("--cpus", type=int, default=1, help="processors of each machine (default 1)")
    sub.add_argument("--in-band", action="store_true", help="machines reach their BMCs themselves, through KCS")
    sub.add_argument("--dir", type=pathlib.Path, help="where everything is kept (default /var/tmp/gantry-lab-NAME)")
    sub.add_argument("--build", type=pathlib.Path, default=BUILD, help="the build to run (default build/release, or GANTRY_BUILD)")
    sub.add_argument("--images", type=pathlib.Path, help="output of scripts/build-images (default: the cached one)")
    sub.add_argument("--no-images", action="store_true", help="do not place images: machines cannot boot")
    sub.add_argument("--region-set", action="append", default=[], metavar="S.K=VALUE", help="a key of every regiond.conf")
    sub.add_argument("--stay", action="store_true", help="leave everything for inspection when up fails")
    command("down", "Remove a lab, all of it.")
    command("status", "Print lab.json with the processes of now.")
    sub = command("exec", "Run a command in a host's namespace: lab exec HOST -- CMD...")
    sub.add_argument("host")
    sub.add_argument("argv", nargs=argparse.REMAINDER)
    for name, text in (("kill", "SIGKILL; of all: the link goes down first, so that nothing says goodbye."),
                       ("stop", "SIGSTOP."), ("cont", "SIGCONT.")):
        sub = command(name, text)
        sub.add_argument("host")
        sub.add_argument("--process", default="all", choices=[*hosts.PROCESSES, "all"])
    sub = command("start", "Start a host that was killed.")
    sub.add_argument("host")
    sub.add_argument("--process", default="all", choices=["all"], help="single processes restart by themselves")
    sub = command("isolate", "Drop frames between a host and others (default: all hosts and clients).")
    sub.add_argument("host")
    sub.add_argument("--direction", choices=("in", "out", "both"), default="both",
                     help="in: HOST hears nothing from them; out: they hear nothing from HOST")
    sub.add_argument("--from", dest="others", nargs="+", default=[], metavar="HOST")
    sub = command("heal", "Undo isolate, of one host or of all.")
    sub.add_argument("host", nargs="?")
    return top


def _up(options):
    folder = (options.dir or pathlib.Path(f"/var/tmp/gantry-lab-{options.name}")).resolve()
    plan = Plan(options.name, folder, options.regions, options.racks, options.machines, options.profile,
                options.firmware, options.build.resolve())
    for machine in plan.machines:
        machine.in_band, machine.cpus = options.in_band, options.cpus
    for setting in options.region_set:
        name, _, value = setting.partition("=")
        section, _, key = name.partition(".")
        if not key or not value:
            raise LabError(f"--region-set {setting}: expected SECTION.KEY=VALUE")
        plan.region_settings.setdefault(section, {})[key] = value
    images = None if options.no_images else options.images or _make_images(plan)
    try:
        print(json.dumps(bringup.up(plan, images, options.stay), indent=1))
    finally:
        if images and not options.images:
            shutil.rmtree(images)
    return 0


def _make_images(plan):
    """The images for this build, from the cache where possible."""
    out = plan.folder.with_name(plan.folder.name + "-images")
    run("/usr/bin/python3", ROOT / "scripts" / "build-images", "--agent", plan.program("gantry-agent"), out,
        capture=False)
    return out


def _exec(plan, options):
    argv = options.argv[1:] if options.argv[:1] == ["--"] else options.argv
    if not argv:
        raise LabError("exec: expected HOST -- CMD...")
    host = plan.host(options.host)
    os.environ.update(hosts.tool_environment(plan, host))
    entered = in_netns(host.netns, *argv)
    os.execvp(entered[0], entered)


def _fault(plan, options):
    host = plan.host(options.host)
    if options.command == "kill":
        hosts.kill(plan, host, options.process)
    elif options.command == "stop":
        hosts.pause(host, options.process)
    elif options.command == "cont":
        hosts.resume(host, options.process)
    else:
        hosts.start(plan, host)
    return 0


def _run(options):
    if options.command == "up":
        return _up(options)
    plan = Plan.load(options.name)
    if options.command == "down":
        bringup.down(plan)
    elif options.command == "status":
        print(json.dumps(bringup.describe(plan), indent=1))
    elif options.command == "exec":
        _exec(plan, options)
    elif options.command == "isolate":
        network.isolate(plan, plan.host(options.host), options.direction, [plan.host(o) for o in options.others])
    elif options.command == "heal":
        network.heal(plan, plan.host(options.host) if options.host else None)
    else:
        return _fault(plan, options)
    return 0


def main(arguments):
    try:
        return _run(parser().parse_args(arguments))
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
