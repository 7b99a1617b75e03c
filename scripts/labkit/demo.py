"""The second half of scripts/demo: two machines live their lives while the leading region's host dies under them.

STEPS, below, is the story. The exit status is 0 only if every step came true.
"""
import argparse
import contextlib
import json
import pathlib
import subprocess
import sys
import time

from . import discover, hosts, judge, stage
from .life import Life, make_user
from .members import is_whole, newest_status
from .plan import Plan
from .probers import Reader, Writer
from .system import LabError, wait_for
from .timeline import ClusterWatch, Screen, Timeline, tell_gaps

RACKS, MACHINES = 2, 2
EVERY_MS = "20"  # a client's pace: the outage is measured to so much
STEP_S, REJOIN_S = 480, 120
USER_DATA = "#cloud-config\nruncmd:\n- [sh, -c, 'echo LIFE host=$(hostname) owner=%s >/dev/ttyS0']\n"


class Story:
    """The lab, what runs beside it, and what came of it so far."""

    def __init__(self, options, screen):
        self.options, self.screen, self.timeline = options, screen, Timeline(screen)
        self.plan = self.key = self.lab = self.victim = None
        self.lives, self.serials, self.users, self.records = [], [], {}, {}
        self.result = {"outage": {}, "machines": []}
        self.beside = contextlib.ExitStack()  # stops what runs beside the lab

    def title(self, text):
        self.screen.line(f"\n{text}")
        self.screen.status(text)

    def survivor(self):
        """A region that was not killed."""
        return next(region for region in self.plan.regions if region is not self.victim)

    def show_status(self):
        text = hosts.gantry(self.plan, self.survivor(), "status", stdin=subprocess.DEVNULL)[0].stdout
        for line in text.rstrip().splitlines():
            self.screen.line("    " + line)

    def bring_up(self):
        """A lab comes up: regions, racks and machines, each in a network namespace"""
        start = time.monotonic()
        self.lab = stage.bring_up(self.screen, self.options.name, "--regions", self.options.regions, "--racks", RACKS,
                                  "--machines", MACHINES, "--firmware", self.options.firmware,
                                  *(["--stay"] if self.options.keep else []))
        self.plan, self.key = Plan.load(self.options.name), self.lab["admin"]["api_key"]
        self.lives = [Life(self.plan, machine, self.key) for machine in self.plan.machines]
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
        self.beside.callback(ClusterWatch(self.plan, self.timeline).stop)
        self.timeline.add(f"{self.plan.api_url}tags/ is written and read every {EVERY_MS} ms")

    def discover(self):
        """Unknown machines are powered on through their BMCs, boot from the network, and are New"""
        found = [discover.Discovery(self.plan, life.machine, self.key) for life in self.lives]
        for one in found:
            one.begin()
            self.timeline.add(f"{one.machine.name} {one.machine.mac}: power on through BMC {one.machine.bmc_address}")
        self._watch([(one.machine, one.look) for one in found], lambda: all(one.off for one in found))
        for life, one in zip(self.lives, found):
            life.enlisted(one.row)
        for text in discover.hardware(found[0].row):
            self.screen.line("    " + text)

    def commission(self):
        """They are commissioned: scripts look at their hardware and test it"""
        for life in self.lives:
            life.commission()
        self._read_serials(discover.COMMISSION_STAGES)
        self._until("Ready")
        for life in self.lives:
            life.wait_off()

    def allocate(self):
        """One machine is the administrator's, one is alice's, a plain user"""
        self.users = {"admin": self.lives[0].admin, "alice": make_user(self.lives[0].admin, "alice")}
        for life, (name, user) in zip(self.lives, self.users.items()):
            life.allocate(user)
            self.timeline.add(f"{life.machine.name} is {name}'s")
        status, _ = self.users["alice"].call("POST", self.lives[0].path() + "?op=release")
        if status not in (403, 404):
            raise LabError(f"alice may release the administrator's machine: {status}")
        self.timeline.add(f"alice may not touch {self.lives[0].machine.name}: {status}")

    def put_all_on_one(self):
        """The worst to lose: one region is raft's leader and PostgreSQL's primary"""
        status = stage.put_all_on_one(self.plan, self.timeline.add)
        leader = status["primary"]["name"]
        self.victim = self.plan.host(leader)
        held = [vip["address"] for vip in status["vips"] if vip["holder"] == leader]
        self.result["victim"] = {"name": leader, "term": status["cluster"]["term"], "epoch": status["primary"]["epoch"],
                                 "vips": held}
        self.timeline.add(f"{leader}: leader of term {status['cluster']['term']}, primary of epoch "
                          f"{status['primary']['epoch']}, holds {', '.join(held) or 'no virtual IP'}")

    def deploy(self):
        """Both are deployed"""
        for life, (name, user) in zip(self.lives, self.users.items()):
            self.records[name] = judge.Record(self.plan, life.machine, life.system_id)
            life.deploy(user, USER_DATA % name)
        self._read_serials(discover.DEPLOY_STAGES)
        self._watch_serials(lambda: any(discover.IMAGE_COMES in event["text"] for event in self.timeline.events))

    def kill_leader(self):
        """While the image goes to a disk, the leader's host dies: its cable is cut, then everything on it is killed"""
        self.timeline.breaks(f"{self.victim.name} dies, without a goodbye")
        hosts.kill(self.plan, self.victim, "all")

    def machines_are_deployed(self):
        """The machines go on: both are Deployed, which their own systems say"""
        self._until("Deployed")
        for life, (name, user) in zip(self.lives, self.users.items()):
            row = user.get(life.path())
            if (row["owner"], row["netboot"]) != (name, False):
                raise LabError(f"{row['hostname']}: owner {row['owner']}, netboot {row['netboot']}")
            self.screen.line(f"    {row['hostname']}  {row['status_name']}  {row['owner']}  {row['osystem']}/{row['distro_series']}")
        for prober in (self.writer, self.reader):
            prober.goes_on(10)

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

    def release(self):
        """The machines are given back: off, and Ready for others"""
        for life, user in zip(self.lives, self.users.values()):
            life.release(user)
        self._read_serials(())
        self._until("Ready")
        for life in self.lives:
            life.wait_off()

    def count(self):
        """Nothing acknowledged is lost: every tag is on every region, by SQL there, and nothing was done twice"""
        for prober in (self.writer, self.reader):
            prober.goes_on(10)
        self.beside.close()
        lost, twice = self.writer.compare(20)
        refused = self.writer.refused + self.reader.refused
        self.result.update({"acknowledged": len(self.writer.acknowledged), "lost": len(lost), "twice": len(twice),
                            "reads": len(self.reader.acknowledged), "stale_reads": len(self.reader.refused)})
        self.screen.line(f"    {len(self.writer.acknowledged)} writes acknowledged, {len(lost)} lost, {len(twice)} twice; "
                         f"{len(self.reader.acknowledged)} reads, {len(self.reader.refused)} stale")
        wrong = []
        for life, (name, record) in zip(self.lives, self.records.items()):
            orders, problems = record.power_orders(), record.wrong(("deploy", "release"))
            self.result["machines"].append({"name": life.machine.name, "owner": name, "orders": orders, "problems": problems})
            self.screen.line(f"    {life.machine.name}, {name}'s: its BMC was told {', '.join(orders)}")
            wrong += problems
        if lost or twice or refused or wrong:
            raise LabError(f"lost {lost[:5]}, twice {twice[:5]}, answers that may not be {refused[:5]}, machines {wrong}")

    # ---- waiting

    def _watch(self, looks, enough):
        """Tells what (machine, look) see until enough() says so; clients are checked meanwhile."""
        deadline = time.monotonic() + self.options.timeout
        while not enough():
            if time.monotonic() > deadline:
                raise LabError(f"not within {self.options.timeout} s; ends of the consoles:\n" +
                               "\n".join(f"--- {life.machine.name}\n{life.console()[-1500:]}" for life in self.lives))
            for machine, look in looks:
                for text in look():
                    self.timeline.add(f"{machine.name}: {text}")
            for prober in (self.writer, self.reader):
                prober.check()
            time.sleep(discover.EVERY_S)

    def _read_serials(self, stages):
        """From now on these stages are looked for, from the beginning of the logs."""
        self.serials = [discover.Serial(life.machine, stages) for life in self.lives]

    def _watch_serials(self, enough):
        self._watch([(life.machine, serial.look) for life, serial in zip(self.lives, self.serials)], enough)

    def _until(self, status):
        """Until every machine has that status."""
        there = {}

        def enough():
            for life in self.lives:
                now = there.get(life.machine.name) or life.status()
                if now == status and life.machine.name not in there:
                    there[life.machine.name] = now
                    self.timeline.add(f"API: {life.machine.name} is {status}")
                elif now and now.startswith("Failed"):
                    raise LabError(f"{life.machine.name} is {now}:\n" + "\n".join([*life.events(), life.console()[-1500:]]))
            return len(there) == len(self.lives)
        self._watch_serials(enough)


STEPS = (Story.bring_up, Story.start_clients, Story.discover, Story.commission, Story.allocate, Story.put_all_on_one,
         Story.deploy, Story.kill_leader, Story.machines_are_deployed, Story.measure, Story.show_degraded, Story.restart,
         Story.release, Story.count)


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


def parse(argv):
    parser = argparse.ArgumentParser(prog="scripts/demo")
    parser.add_argument("--keep", action="store_true", help="leave the lab running, also when something fails")
    parser.add_argument("--name", default="demo", help="of the lab (default: demo)")
    parser.add_argument("--regions", type=int, default=3, choices=(3, 4, 5, 6, 7), help="how many (default: 3)")
    parser.add_argument("--firmware", choices=("bios", "uefi", "secureboot"), default="bios", help="of the machines")
    parser.add_argument("--timeout", type=int, default=STEP_S, metavar="S", help="for each step of the machines (default %(default)s)")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE", help="the result, also when something fails")
    options = parser.parse_args(argv)
    if options.json and not options.json.parent.is_dir():
        parser.error(f"--json {options.json}: there is no folder {options.json.parent}")
    return options


def run(story):
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
    stage.catch_signals()
    if stage.exists(options.name):
        print(f"demo: there is a lab {options.name!r} already: scripts/lab down --name {options.name}", file=sys.stderr)
        return 1
    story = Story(options, screen)
    status, failure = run(story)
    if failure:
        screen.status("")
        screen.line(f"demo: error: {failure}")
    elif options.keep:
        show_around(story)
    if not options.keep or status == 130:
        status = max(stage.take_down(options.name, screen), status)
    if options.json:
        write_result(options.json, story, failure)
    screen.status("")
    screen.line(f"demo: {'passed' if status == 0 else 'FAILED'} in {time.monotonic() - screen.start:.0f} s")
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
