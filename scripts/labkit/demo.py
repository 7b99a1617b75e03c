"""The second half of scripts/demo: a lab comes up, an unknown machine is powered on and discovered.

Its exit status is 0 only if the machine is New in the API, with its hardware.
"""
import argparse
import json
import pathlib
import signal
import subprocess
import sys
import time

from . import discover
from .plan import Plan
from .system import LabError

SCRIPTS = pathlib.Path(__file__).resolve().parent.parent
LAB = SCRIPTS / "lab"
DISCOVER_S = 300


class Screen:
    """Lines for everybody, and on a terminal a last line that says what is waited for."""

    def __init__(self):
        self.live = sys.stdout.isatty()
        self.start = time.monotonic()

    def line(self, text="", seconds=None):
        clear = "\r\033[K" if self.live else ""
        clock = f"{seconds:6.1f} s  " if seconds is not None else ""
        print(f"{clear}{clock}{text}", flush=True)

    def status(self, text):
        if self.live:
            print(f"\r\033[K{time.monotonic() - self.start:6.0f} s  {text} ...", end="", flush=True)


def bring_up(options, screen):
    """scripts/lab up, its progress shown as it comes. Returns lab.json."""
    argv = ["/usr/bin/python3", LAB, "up", "--name", options.name, "--machines", "1", "--firmware", options.firmware,
            *(["--stay"] if options.keep else [])]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        for line in process.stderr:
            screen.line("  " + line.rstrip("\n").removeprefix("lab: "))
            screen.status("the lab comes up")
        answer = process.stdout.read()
    if process.returncode:
        raise LabError("the lab did not come up")
    return json.loads(answer)


def show_discovery(options, lab, screen):
    """Returns the machine and [(seconds, text)]."""
    plan = Plan.load(options.name)
    times = []

    def tell(seconds, text):
        times.append((seconds, text))
        screen.line(text, seconds)
        screen.status("the machine is watched")
    row = discover.watch(plan, plan.machines[0], lab["admin"]["api_key"], options.timeout, tell)
    return row, times


def show_result(row, times, up_s, screen):
    screen.line()
    for text in discover.hardware(row):
        screen.line("  " + text)
    at = {text: seconds for seconds, text in times}
    reported = next(seconds for text, seconds in at.items() if text.endswith("with its hardware"))
    screen.line()
    screen.line(f"  lab up {up_s:.1f} s; power on to New with hardware {reported:.1f} s; to power off {times[-1][0]:.1f} s")


def show_around(options, lab, screen):
    serial = lab["machines"][0]["serial_log"]
    screen.line("\nThe lab stays. To look around:")
    for command in (f"scripts/lab exec --name {options.name} client -- gantry machine list",
                    f"scripts/lab exec --name {options.name} region1 -- gantry status",
                    f"less -R {serial}",
                    f"scripts/lab down --name {options.name}      # ends it"):
        screen.line("  " + command)


def demonstrate(options, screen):
    screen.line("A lab of one region, one rack and one machine, each in a network namespace:")
    start = time.monotonic()
    lab = bring_up(options, screen)
    up_s = time.monotonic() - start
    machine = lab["machines"][0]
    screen.line(f"\nAn unknown machine ({machine['mac']}) is powered on; seconds since then:")
    row, times = show_discovery(options, lab, screen)
    show_result(row, times, up_s, screen)
    if options.keep:
        show_around(options, lab, screen)


def exists(name):
    try:
        Plan.load(name)
    except LabError:
        return False
    return True


def take_down(options, screen):
    """0 when nothing of the lab is left."""
    if not exists(options.name):  # `lab up` cleaned up after itself
        return 0
    screen.status("the lab is taken down")
    done = subprocess.run(["/usr/bin/python3", LAB, "down", "--name", options.name], capture_output=True, text=True,
                          check=False)
    screen.line("The lab is gone." if done.returncode == 0 else done.stderr.strip())
    return done.returncode


def interrupted(*_):
    raise KeyboardInterrupt


def main(argv):
    parser = argparse.ArgumentParser(prog="scripts/demo")
    parser.add_argument("--keep", action="store_true", help="leave the lab running, also when something fails")
    parser.add_argument("--name", default="demo", help="of the lab (default: demo)")
    parser.add_argument("--firmware", choices=("bios", "uefi", "secureboot"), default="bios", help="of the machine")
    parser.add_argument("--timeout", type=int, default=DISCOVER_S, metavar="S", help="for the discovery (default %(default)s)")
    options = parser.parse_args(argv)
    screen, status, failure = Screen(), 1, None
    signal.signal(signal.SIGTERM, interrupted)
    if exists(options.name):
        print(f"demo: there is a lab {options.name!r} already: scripts/lab down --name {options.name}", file=sys.stderr)
        return 1
    try:
        demonstrate(options, screen)
        status = 0
    except LabError as error:
        failure = str(error)
    except KeyboardInterrupt:
        failure = "interrupted"
        status = 130
    if failure:
        screen.line(f"demo: error: {failure}")
    if not options.keep or status == 130:
        status = max(take_down(options, screen), status)
    screen.line(f"demo: {'passed' if status == 0 else 'FAILED'} in {time.monotonic() - screen.start:.0f} s")
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
