"""The second half of scripts/demo: a cluster discovers a machine while its leading region's host dies under it.

STEPS, below, is the story. The exit status is 0 only if every step came true.
"""
import argparse
import contextlib
import json
import pathlib
import signal
import subprocess
import sys
import time

from . import discover, hosts
from .members import is_whole, leader_of, newest_status, wait_whole
from .plan import Plan
from .probers import Reader, Writer
from .system import LabError, wait_for
from .timeline import ClusterWatch, Screen, Timeline, tell_gaps

SCRIPTS = pathlib.Path(__file__).resolve().parent.parent
LAB = SCRIPTS / "lab"
RACKS = 2
EVERY_MS = "20"  # a client's pace: the outage is measured to so much
DISCOVER_S, REJOIN_S = 300, 120


class Story:
    """The lab, what runs beside it, and what came of it so far."""

    def __init__(self, options, screen):
        self.options, self.screen, self.timeline = options, screen, Timeline(screen)
        self.plan = self.key = self.lab = self.victim = self.discovery = None
        self.result = {"outage": {}}
        self.beside = contextlib.ExitStack()  # stops what runs beside the lab

    def title(self, text):
        self.screen.line(f"\n{text}")
        self.screen.status(text)

    def survivor(self):
        """A region that was not killed."""
        return next(region for region in self.plan.regions if region is not self.victim)

    def gantry(self, *arguments):
        return hosts.gantry(self.plan, self.survivor(), *arguments, stdin=subprocess.DEVNULL)[0].stdout

    def show_status(self):
        for line in self.gantry("status").rstrip().splitlines():
            self.screen.line("    " + line)

    def bring_up(self):
        """A lab comes up: regions, racks and a machine, each in a network namespace"""
        argv = ["/usr/bin/python3", LAB, "up", "--name", self.options.name, "--regions", self.options.regions, "--racks", RACKS,
                "--machines", 1, "--firmware", self.options.firmware, *(["--stay"] if self.options.keep else [])]
        start = time.monotonic()
        # A session of its own: Ctrl-C comes to it once, through us.
        with subprocess.Popen([str(word) for word in argv], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              start_new_session=True) as process:
            try:
                for line in process.stderr:
                    self.screen.line("  " + line.rstrip("\n").removeprefix("lab: "))
                answer = process.stdout.read()
            except BaseException:
                ignore_signals()
                process.send_signal(signal.SIGINT)  # it takes down what it made
                process.communicate()
                raise
        if process.returncode:
            raise LabError("the lab did not come up")
        self.lab, self.plan = json.loads(answer), Plan.load(self.options.name)
        self.key = self.lab["admin"]["api_key"]
        self.result["up_s"] = round(time.monotonic() - start, 1)

    def start_clients(self):
        """A client writes through the virtual IP, one reads what was just written; the regions are watched"""
        self.writer = Writer(self.plan, self.key, "--every-ms", EVERY_MS)
        self.beside.callback(self.writer.stop)
        self.reader = Reader(self.plan, self.key, self.writer, "--every-ms", EVERY_MS)
        self.beside.callback(self.reader.stop)
        for prober, what in ((self.writer, "write"), (self.reader, "read")):
            tell_gaps(prober, what, self.timeline)
            prober.goes_on(10)
        watch = ClusterWatch(self.plan, self.timeline)
        self.beside.callback(watch.stop)
        self.timeline.add(f"{self.plan.api_url}tags/ is written and read every {EVERY_MS} ms")

    def put_all_on_one(self):
        """The worst to lose: one region is raft's leader and PostgreSQL's primary"""
        deadline = time.monotonic() + 60
        while True:
            status = wait_whole(self.plan)
            leader, primary = leader_of(status), status["primary"]["name"]
            if leader and leader == primary:
                break
            if time.monotonic() > deadline:
                raise LabError(f"within 60 s: leader {leader}, primary {primary}, not the same region")
            if leader:
                self.timeline.add(f"switchover: {primary} hands PostgreSQL to {leader}, which leads")
                self.gantry("primary", "switchover", "--to", leader)
        self.victim = self.plan.host(leader)
        held = [vip["address"] for vip in status["vips"] if vip["holder"] == leader]
        self.result["victim"] = {"name": leader, "term": status["cluster"]["term"], "epoch": status["primary"]["epoch"],
                                 "vips": held}
        self.timeline.add(f"{leader}: leader of term {status['cluster']['term']}, primary of epoch "
                          f"{status['primary']['epoch']}, holds {', '.join(held) or 'no virtual IP'}")

    def power_on(self):
        """An unknown machine is powered on through its BMC and boots from the network"""
        machine = self.plan.machines[0]
        self.discovery = discover.Discovery(self.plan, machine, self.key)
        self.discovery.begin()
        self.timeline.add(f"machine {machine.mac}: power on through BMC {machine.bmc_address}")
        self._watch_machine(self.discovery.kernel_runs)

    def kill_leader(self):
        """While it boots, the leader's host dies: its cable is cut, then everything on it is killed"""
        self.timeline.breaks(f"{self.victim.name} dies, without a goodbye")
        hosts.kill(self.plan, self.victim, "all")

    def machine_is_new(self):
        """The machine goes on: it becomes New, with its hardware"""
        self._watch_machine(lambda: self.discovery.off)
        for prober in (self.writer, self.reader):
            prober.goes_on(10)
        for text in discover.hardware(self.discovery.row):
            self.screen.line("    " + text)

    def _watch_machine(self, enough):
        deadline = time.monotonic() + self.options.timeout
        while not enough():
            if time.monotonic() > deadline:
                self.discovery.fail(self.options.timeout)
            for text in self.discovery.look():
                self.timeline.add(f"machine: {text}")
            for prober in (self.writer, self.reader):
                prober.check()
            time.sleep(discover.EVERY_S)

    def measure(self):
        """What clients saw of it"""
        fault = self.timeline.broken
        for prober, what in ((self.writer, "writes"), (self.reader, "reads")):
            gap_s = prober.longest_gap_s(fault)
            failed = sum(1 for _, when in list(prober.failed) if when >= fault)
            self.result["outage"][what] = {"gap_ms": round(gap_s * 1000), "failed_requests": failed}
            self.screen.line(f"    {what}: {gap_s:.2f} s without an answer; failed and repeated: {failed}")

    def show_degraded(self):
        """gantry status, with one region dead"""
        self.show_status()
        status = newest_status(self.plan, self.victim.name)
        if not status or status["verdict"] != "degraded":
            raise LabError(f"status says {status['verdict'] if status else 'nothing'}, not degraded")
        self.result["status_degraded"] = {key: status[key] for key in ("verdict", "advice", "primary", "cluster")}

    def restart(self):
        """The dead region is started again, and has its place"""
        start = time.monotonic()
        hosts.start(self.plan, self.victim)
        self.timeline.add(f"{self.victim.name} is started again")
        status = wait_for(f"{self.victim.name} to follow and vote, and a healthy cluster",
                          lambda: is_whole(self.plan, newest_status(self.plan)), REJOIN_S, 0.2)
        self.result["rejoin_s"] = round(time.monotonic() - start, 1)
        self.timeline.add(f"{self.victim.name} follows {status['primary']['name']} and votes; the cluster is healthy")
        self.show_status()

    def count(self):
        """Nothing acknowledged is lost: every tag is on every region, by SQL there, and none was made twice"""
        for prober in (self.writer, self.reader):
            prober.goes_on(10)
        self.beside.close()
        lost, twice = self.writer.compare(20)
        refused = self.writer.refused + self.reader.refused
        self.result.update({"acknowledged": len(self.writer.acknowledged), "lost": len(lost), "twice": len(twice),
                            "reads": len(self.reader.acknowledged), "stale_reads": len(self.reader.refused)})
        self.screen.line(f"    {len(self.writer.acknowledged)} writes acknowledged, {len(lost)} lost, {len(twice)} twice; "
                         f"{len(self.reader.acknowledged)} reads, {len(self.reader.refused)} stale")
        if lost or twice or refused:
            raise LabError(f"lost {lost[:5]}, twice {twice[:5]}, answers that may not be {refused[:5]}")


STEPS = (Story.bring_up, Story.start_clients, Story.put_all_on_one, Story.power_on, Story.kill_leader, Story.machine_is_new,
         Story.measure, Story.show_degraded, Story.restart, Story.count)


def ignore_signals():
    """From here on only cleaning up is left."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


def demonstrate(story):
    try:
        for step in STEPS:
            story.title(step.__doc__)
            story.result["step"] = step.__name__
            step(story)
    finally:
        story.beside.close()


def show_around(story):
    name, screen = story.options.name, story.screen
    screen.line("\nThe lab stays. To look around:")
    for command in (f"scripts/lab exec --name {name} client -- gantry machine list",
                    f"scripts/lab exec --name {name} region1 -- gantry status",
                    f"scripts/lab kill --name {name} region2      # and: start",
                    f"less -R {story.lab['machines'][0]['serial_log']}",
                    f"scripts/lab down --name {name}              # ends it"):
        screen.line("  " + command)


def exists(name):
    try:
        Plan.load(name)
    except LabError:
        return False
    return True


def take_down(options, screen):
    """0 when nothing of the lab is left. Not to be interrupted."""
    screen.status("")
    ignore_signals()
    if not exists(options.name):  # `lab up` cleaned up after itself
        return 0
    done = subprocess.run(["/usr/bin/python3", LAB, "down", "--name", options.name], capture_output=True, text=True,
                          check=False)
    screen.line("The lab is gone." if done.returncode == 0 else done.stderr.strip())
    return done.returncode


def interrupted(*_):
    raise KeyboardInterrupt


def parse(argv):
    parser = argparse.ArgumentParser(prog="scripts/demo")
    parser.add_argument("--keep", action="store_true", help="leave the lab running, also when something fails")
    parser.add_argument("--name", default="demo", help="of the lab (default: demo)")
    parser.add_argument("--regions", type=int, default=3, choices=(3, 4, 5, 6, 7), help="how many (default: 3)")
    parser.add_argument("--firmware", choices=("bios", "uefi", "secureboot"), default="bios", help="of the machine")
    parser.add_argument("--timeout", type=int, default=DISCOVER_S, metavar="S", help="for the discovery (default %(default)s)")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE", help="the result, also when something fails")
    options = parser.parse_args(argv)
    if options.json and not options.json.parent.is_dir():
        parser.error(f"--json {options.json}: there is no folder {options.json.parent}")
    return options


def run(options, story):
    """(exit status, what went wrong)."""
    try:
        demonstrate(story)
    except LabError as error:
        return 1, str(error)
    except KeyboardInterrupt:
        return 130, "interrupted"
    return 0, None


def write_result(path, story, failure):
    content = {"passed": not failure, "failure": failure, "regions": story.options.regions, "firmware": story.options.firmware,
               "seconds": round(time.monotonic() - story.screen.start, 1), **story.result, "events": story.timeline.events}
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def main(argv):
    options, screen = parse(argv), Screen()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupted)
    if exists(options.name):
        print(f"demo: there is a lab {options.name!r} already: scripts/lab down --name {options.name}", file=sys.stderr)
        return 1
    story = Story(options, screen)
    status, failure = run(options, story)
    if failure:
        screen.status("")
        screen.line(f"demo: error: {failure}")
    elif options.keep:
        show_around(story)
    if not options.keep or status == 130:
        status = max(take_down(options, screen), status)
    if options.json:
        write_result(options.json, story, failure)
    screen.status("")
    screen.line(f"demo: {'passed' if status == 0 else 'FAILED'} in {time.monotonic() - screen.start:.0f} s")
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
