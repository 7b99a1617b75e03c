"""scripts/kills: controllers die at named points of a machine's life, and the machine gets there all the same.

A lab of three regions and two racks comes up; at each point (kill_points.py) a controller dies, and stays dead until the
machine has reached what it was to reach. Then it is mended, and looked whether anything was lost or done twice (judge.py).
"""
import argparse
import base64
import contextlib
import json
import pathlib
import random
import re
import sys
import time

from . import judge, kill_points, stage
from .bringup import Api
from .kill_points import PARTS, choose
from .life import Life, make_user
from .members import is_whole, newest_status
from .mirror import Mirror
from .plan import Plan
from .probers import Writer
from .system import LabError, run, wait_for
from .timeline import ClusterWatch, Screen, Timeline
from .wire import Wire

BUILD_IMAGES = pathlib.Path(__file__).resolve().parent.parent / "build-images"
LIMIT_S = {"New": 300, "Ready": 420, "Deployed": 600, "imported": 120}
SEEN_S, EVERY_S, STATUS_EVERY_S = 420, 0.02, 1.0
WRITE_EVERY_MS = "100"
USER_DATA = "#cloud-config\nruncmd:\n- [sh, -c, 'echo LIFE host=$(hostname) >/dev/ttyS0']\n"


class Scene:
    """What points look at: the lab, one machine of it, and where everything was when the point was armed."""

    def __init__(self, plan, admin):
        self.plan, self.admin, self.life, self.wire, self.mirror, self.chosen = plan, admin, None, None, None, None
        self.image_name = "images/debian"
        self.mark_dhcp = self.mark_transfers = self.mark_posts = self.mark_orders = self.mark_serial = 0

    def arm(self):
        self.mark_dhcp, self.mark_transfers, self.mark_posts = self.wire.marks() if self.wire else (0, 0, 0)
        self.mark_orders = len(self.orders()) if self.life else 0
        self.mark_serial = len(self.life.serial.text()) if self.life else 0

    def orders(self):
        return judge.orders(self.life.machine)

    def serial_has(self, pattern):
        text = self.life.serial.text()
        return re.search(pattern, text[self.mark_serial if len(text) >= self.mark_serial else 0:])

    def whole(self):
        return is_whole(self.plan, newest_status(self.plan)) and stage.is_linked(self.plan)

    def wait_racks(self):
        wait_for("the racks to be linked", lambda: stage.is_linked(self.plan), 60, 0.3)


class Outcome:
    """One point: what was seen, who died, what came of it."""

    def __init__(self, point):
        self.point, self.row = point, {"point": point.name, "what": point.what, "ok": False}
        self.host, self.struck = None, 0.0

    def well(self, problems, seconds, again):
        self.row.update({"ok": not problems, "problems": problems, "recovered_s": round(seconds, 1), "started_again": again})


class Kills:
    def __init__(self, options, screen):
        self.options, self.screen, self.timeline = options, screen, Timeline(screen)
        self.beside = contextlib.ExitStack()
        self.points = choose(options.points, random.Random(options.seed))
        self.rows, self.scene, self.plan, self.writer, self.user = [], None, None, None, None
        self.lives = {}  # number of the machine -> Life

    # ---- the lab

    def bring_up(self):
        firmware = "bios,uefi" if self._has("commission-uefi") else "bios"
        machines = 0 if {point.part for point in self.points} == {"import"} else len(firmware.split(","))
        folder = pathlib.Path(f"/var/tmp/gantry-kills-{self.options.name}")
        self.beside.callback(lambda: run("rm", "-rf", folder, check=False))
        build = ["--build", self.options.build] if self.options.build else []
        argv = [BUILD_IMAGES, folder / "images", "--quiet", *(["--mirror", folder / "mirror"] if self._has("import") else [])]
        argv += ["--agent", self.options.build / "gantry-agent"] if self.options.build else []
        folder.mkdir(parents=True, exist_ok=True)
        self.screen.status("images")
        run(*argv, cwd=BUILD_IMAGES.parent.parent)
        lab = stage.bring_up(self.screen, self.options.name, "--regions", 3, "--racks", 2, "--machines", machines, "--firmware",
                             firmware, "--images", folder / "images", *build, *(["--stay"] if self.options.keep else []))
        self.plan = Plan.load(self.options.name)
        self.scene = Scene(self.plan, Api(self.plan, lab["admin"]["api_key"]))
        self.writer = Writer(self.plan, lab["admin"]["api_key"], "--every-ms", WRITE_EVERY_MS)
        self.beside.callback(self.writer.stop)
        self.writer.goes_on(5)
        self.beside.callback(ClusterWatch(self.plan, self.timeline).stop)
        self.wires = []
        for machine in self.plan.machines:
            wire = Wire(self.plan, machine)
            self.wires.append(wire)
            self.beside.callback(wire.stop)
        if self._has("import"):
            self.scene.mirror = Mirror(self.plan, folder / "mirror")
            self.beside.callback(self.scene.mirror.stop)
            self.keyring = folder / "mirror" / "keyring.gpg"

    def _has(self, *parts):
        return any(point.part in parts for point in self.points)

    def of(self, part):
        return [point for point in self.points if point.part == part]

    def use(self, number):
        """The scene is about this machine from now on."""
        self.scene.life, self.scene.wire = self.lives[number], self.wires[number - 1]

    # ---- one point

    def arm(self, point):
        wait_for("a whole cluster and its racks", self.scene.whole, 120, 0.3)
        if point.fault != "postgres" and point.prepare in (kill_points.choose_leader, kill_points.choose_primary):
            stage.put_all_on_one(self.plan, self.timeline.add)
        if point.prepare:
            point.prepare(self.scene)
        self.scene.arm()
        self.timeline.add(f"[{point.name}] waits for its moment: {point.what}")

    def strike(self, point, gone_by):
        """When its moment is seen the controller dies. gone_by() says that the moment has passed."""
        outcome, deadline, looked = Outcome(point), time.monotonic() + SEEN_S, 0.0
        while not (found := point.seen(self.scene)):
            if time.monotonic() > deadline:
                raise LabError(f"{point.name}: its moment was not seen within {SEEN_S} s")
            if time.monotonic() - looked > STATUS_EVERY_S:
                looked = time.monotonic()
                if gone_by():
                    outcome.row.update({"problems": ["its moment passed unseen"]})
                    return outcome
            self.scene.wire.wait(EVERY_S) if self.scene.wire else time.sleep(EVERY_S)
        outcome.host, seen = found
        kill_points.strike(self.scene, point, outcome.host)
        outcome.struck = time.monotonic()
        how = {"freeze": "stands still", "all": "dies"}.get(point.fault, f"loses its {point.fault}")
        outcome.row.update({"seen": seen, "victim": outcome.host.name, "fault": point.fault})
        self.timeline.breaks(f"[{point.name}] {seen}: {outcome.host.name} {how}")
        return outcome

    def finish(self, outcome, record, wanted):
        """It got there: what is wrong all the same, then mended."""
        point, seconds = outcome.point, time.monotonic() - outcome.struck
        if not outcome.host:
            self.rows.append(outcome.row)
            return
        self.timeline.add(f"[{point.name}] {point.goal} with {outcome.host.name} gone, {seconds:.0f} s after")
        kill_points.mend(self.scene, point, outcome.host)
        problems = record.wrong(wanted) if record else []
        problems += judge.addresses_wrong(self.wires)
        self.writer.goes_on(5)
        lost, twice = self.writer.compare(20)
        problems += [f"acknowledged writes lost: {lost[:5]}"] if lost else []
        problems += [f"writes done twice: {twice[:5]}"] if twice else []
        problems += [f"refused: {text}" for text in self.writer.refused[:3]]
        self.writer.refused.clear()
        again = len([row for row in record.operations() if row[3]]) if record else 0
        outcome.well(problems, seconds, again)
        if record:
            outcome.row["orders"] = " ".join(record.power_orders())
        self.rows.append(outcome.row)
        self.timeline.add(f"[{point.name}] {'well' if not problems else '; '.join(problems)}")
        self.write()

    # ---- the parts of a life

    def run_import(self):
        points, admin = self.of("import"), self.scene.admin
        if not points:
            return
        source = admin.post("boot-sources/", url=self.scene.mirror.url, keyring_data=self.keyring_text())
        self.arm(points[0])
        admin.post(f"boot-sources/{source['id']}/selections/", os="debian", release=self.series())
        admin.post("boot-resources/?op=import")
        outcome = self.strike(points[0], lambda: False)
        wait_for("the import by another region", self.is_imported, LIMIT_S["imported"], 1)
        self.finish(outcome, None, ())
        rows = [row for row in self.resources() if row["name"].startswith("debian/")]
        if len(rows) != 1 or len(rows[0]["sets"]) != 1:
            outcome.row["problems"].append(f"images there: {[row['name'] for row in rows]}")
            outcome.row["ok"] = False
        self.scene.image_name = "blobs/"

    def series(self):
        lists = [path for path in (pathlib.Path(self.scene.mirror.folder) / "debian").iterdir()]
        return lists[0].name

    def keyring_text(self):
        return base64.b64encode(self.keyring.read_bytes()).decode()

    def resources(self):
        status, text = self.scene.admin.call("GET", "boot-resources/")
        rows = json.loads(text) if status == 200 else []
        details = [self.scene.admin.call("GET", f"boot-resources/{row['id']}/") for row in rows]
        return [json.loads(text) for status, text in details if status == 200]

    def is_imported(self):
        rows = [row for row in self.resources() if row["name"].startswith("debian/")]
        return rows and all(version["complete"] for row in rows for version in row["sets"].values())

    def enlist(self):
        for number, machine in enumerate(self.plan.machines, 1):
            self.lives[number] = Life(self.plan, machine, self.scene.admin.key)
            self.lives[number].enlist(LIMIT_S["New"], lambda _, text, name=machine.name: self.timeline.add(f"{name}: {text}"))

    def commission(self, number, points):
        self.use(number)
        life = self.scene.life
        life.wait_off()
        record = judge.Record(self.plan, life.machine, life.system_id)
        for point in points:
            self.arm(point)
        life.commission()
        outcomes = [self.strike(point, lambda: life.status() == "Ready") for point in points]
        self.timeline.add(f"{life.machine.name}: Ready after {life.wait('Ready', LIMIT_S['Ready']):.0f} s")
        for outcome in outcomes:
            self.finish(outcome, record, ("commission",))

    def deploy(self, points):
        """One deployment and its release, with some points in it."""
        self.use(1)
        life = self.scene.life
        life.wait_off()
        life.allocate(self.user)
        record = judge.Record(self.plan, life.machine, life.system_id)
        inside = [point for point in points if point.goal == "Deployed"]
        begun = False
        for index, point in enumerate(inside):
            self.arm(point)
            if not begun:
                life.deploy(self.user, USER_DATA, self.image())
                begun = True
            outcome = self.strike(point, lambda: life.status() == "Deployed")
            if outcome.host and index + 1 < len(inside) and point.past:
                wait_for(f"{point.name}: the machine to be over it", lambda p=point: p.past(self.scene), LIMIT_S["Deployed"], 0.2)
            else:
                life.wait("Deployed", LIMIT_S["Deployed"])
            self.finish(outcome, record, ("deploy",))
        if not begun:
            life.deploy(self.user, USER_DATA, self.image())
        seconds = life.wait("Deployed", LIMIT_S["Deployed"])
        self.timeline.add(f"{life.machine.name}: Deployed ({seconds:.0f} s more)")
        self.release([point for point in points if point.goal == "Ready"], record)

    def release(self, points, record):
        life = self.scene.life
        for point in points:
            self.arm(point)
        life.release(self.user)
        outcomes = [self.strike(point, lambda: life.status() == "Ready") for point in points]
        life.wait("Ready", LIMIT_S["Ready"])
        life.wait_off()
        for outcome in outcomes:
            self.finish(outcome, record, ("deploy", "release"))

    def image(self):
        return f"debian/{self.series()}" if self.scene.mirror else None

    # ---- all of it

    def play(self):
        self.bring_up()
        self.run_import()
        if not self.plan.machines:
            return
        self.enlist()
        self.commission(1, self.of("commission"))
        if len(self.plan.machines) > 1:
            self.commission(2, self.of("commission-uefi"))
        self.user = make_user(self.scene.admin, "alice")
        for part in PARTS:
            if part.startswith("deploy") and self.of(part):
                self.attempt(part)
        for point in [p for p in self.points if any(r["point"] == p.name and r.get("problems") == ["its moment passed unseen"]
                                                    for r in self.rows)]:
            self.rows = [row for row in self.rows if row["point"] != point.name]
            self.deploy([point])

    def attempt(self, part):
        try:
            self.deploy(self.of(part))
        except LabError as error:
            done = {row["point"] for row in self.rows}
            for point in self.of(part):
                if point.name not in done:
                    self.rows.append({"point": point.name, "what": point.what, "ok": False, "problems": [str(error)[:6000]]})
            self.write()
            raise

    def write(self):
        if self.options.json:
            content = {"seed": self.options.seed, "points": [point.name for point in self.points],
                       "passed": self.passed(), "rows": self.rows, "events": self.timeline.events}
            self.options.json.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")

    def passed(self):
        good = {row["point"] for row in self.rows if row["ok"]}
        return all(point.name in good for point in self.points)

    def table(self):
        self.screen.line(f"\n{'point':<12} {'outcome':<8} {'after':>7}  {'dies':<8} {'again':>5}  seen")
        rows = {row["point"]: row for row in self.rows}
        for point in self.points:
            row = rows.get(point.name, {"ok": False, "problems": ["not reached"]})
            after = f"{row['recovered_s']:.0f} s" if "recovered_s" in row else ""
            self.screen.line(f"{point.name:<12} {'well' if row['ok'] else 'FAILED':<8} {after:>7}  {row.get('victim', ''):<8} "
                             f"{row.get('started_again', ''):>5}  {row.get('seen', '')}")
            for text in row.get("problems", []):
                self.screen.line(f"             {text}")


def parse(argv):
    parser = argparse.ArgumentParser(prog="scripts/kills", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", default="all", help="all, random, or names by commas (default: all); --list names them")
    parser.add_argument("--list", action="store_true", help="print the points and stop")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="of random (default: the time)")
    parser.add_argument("--resume", action="store_true", help="leave out what the file of --json says went well")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE", help="the result, written after each point")
    parser.add_argument("--name", default="kills", help="of the lab (default: kills)")
    parser.add_argument("--build", type=pathlib.Path, help="the build to run (default: build/release)")
    parser.add_argument("--keep", action="store_true", help="leave the lab running")
    options = parser.parse_args(argv)
    if options.resume and not options.json:
        parser.error("--resume needs --json FILE")
    if options.json and not options.json.parent.is_dir():
        parser.error(f"--json {options.json}: there is no folder {options.json.parent}")
    return options


def main(argv):
    options, screen = parse(argv), Screen()
    if options.list:
        for point in kill_points.POINTS:
            print(f"{point.name:<12} {point.what}")
        return 0
    stage.catch_signals()
    try:
        kills = Kills(options, screen)
    except LabError as error:
        print(f"kills: {error}", file=sys.stderr)
        return 2
    if options.resume and options.json.exists():
        kills.rows = [row for row in json.loads(options.json.read_text(encoding="utf-8"))["rows"] if row["ok"]]
        done = {row["point"] for row in kills.rows}
        kills.points, all_points = [point for point in kills.points if point.name not in done], kills.points
        if not kills.points:
            kills.points = all_points
            kills.table()
            return 0
    if stage.exists(options.name):
        print(f"kills: there is a lab {options.name!r} already: scripts/lab down --name {options.name}", file=sys.stderr)
        return 1
    screen.line(f"seed {options.seed}: {', '.join(point.name for point in kills.points)}")
    status = 0
    try:
        kills.play()
    except LabError as error:
        screen.line(f"kills: error: {error}")
    except KeyboardInterrupt:
        status = 130
    finally:
        kills.beside.close()
        screen.status("")
    kills.write()
    kills.table()
    if not options.keep:
        status = max(stage.take_down(options.name, screen), status)
    status = status or (0 if kills.passed() else 1)
    screen.line(f"kills: {'passed' if status == 0 else 'FAILED'} in {time.monotonic() - screen.start:.0f} s")
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
