"""scripts/kills: controllers die at named points of a machine's life, and the machine gets there all the same.

A lab of three regions and two racks comes up; at each point (kill_points.py) a controller dies, and stays dead until the
machine has reached what it was to reach. Then it is mended, and looked whether anything was lost or done twice (judge.py).
"""
import argparse
import base64
import json
import pathlib
import random
import shutil
import sys
import time

from . import kill_points, stage
from .kill_points import PARTS, choose
from .life import make_user
from .mirror import Mirror
from .plan import BUILD, ROOT, Plan
from .system import LabError, run, wait_for
from .timeline import ClusterWatch, Screen, Timeline
from .under_fire import LIMIT_S, UNSEEN, UnderFire

BUILD_IMAGES = ROOT / "scripts" / "build-images"
IMPORT_S = 120
USER_DATA = "#cloud-config\nruncmd:\n- [sh, -c, 'echo LIFE host=$(hostname) >/dev/ttyS0']\n"


class Kills:
    def __init__(self, options, screen):
        self.options, self.screen, self.timeline = options, screen, Timeline(screen)
        self.points, self.before = choose(options.points, random.Random(options.seed)), []
        self.fire = self.plan = self.user = self.series = None
        self.folder = pathlib.Path(f"/var/tmp/gantry-kills-{options.name}")

    @property
    def rows(self):
        return [*self.before, *(self.fire.rows if self.fire else [])]

    def of(self, part):
        return [point for point in self.points if point.part == part]

    def bring_up(self):
        firmware = "bios,uefi" if self.of("commission-uefi") else "bios"
        machines = 0 if {point.part for point in self.points} == {"import"} else len(firmware.split(","))
        build = self.options.build.resolve()
        argv = [BUILD_IMAGES, self.folder / "images", "--quiet", "--agent", build / "gantry-agent"]
        argv += ["--mirror", self.folder / "mirror"] if self.of("import") else []
        self.folder.mkdir(parents=True, exist_ok=True)
        self.screen.status("images")
        run(*argv)
        lab = stage.bring_up(self.screen, self.options.name, "--regions", 3, "--racks", 2, "--machines", machines, "--firmware",
                             firmware, "--images", self.folder / "images", "--build", build,
                             *(["--stay"] if self.options.keep else []))
        self.plan = Plan.load(self.options.name)
        self.fire = UnderFire(self.plan, lab["admin"]["api_key"], self.timeline.add)
        self.fire.beside.callback(ClusterWatch(self.plan, self.timeline).stop)

    def run_import(self, point):
        fire, admin = self.fire, self.fire.admin
        mirror = fire.scene.mirror = Mirror(self.plan, self.folder / "mirror")
        fire.beside.callback(mirror.stop)
        self.series = f"debian/{next((mirror.folder / 'debian').iterdir()).name}"
        keyring = base64.b64encode((mirror.folder / "keyring.gpg").read_bytes()).decode()
        source = admin.post("boot-sources/", url=mirror.url, keyring_data=keyring)
        fire.arm(point)
        admin.post(f"boot-sources/{source['id']}/selections/", os="debian", release=self.series.partition("/")[2])
        admin.post("boot-resources/?op=import")
        outcome = fire.strike(point)
        wait_for("the import by another region", self.is_imported, IMPORT_S, 1)
        fire.finish(outcome)
        sets = [len(row["sets"]) for row in self.resources()]
        if sets != [1]:
            outcome.row.update({"ok": False, "problems": [*outcome.row["problems"], f"versions of images: {sets}, not [1]"]})
        fire.scene.image_name = "blobs/"

    def resources(self):
        """What is imported of the system, None of it while the API does not answer."""
        status, text = self.fire.admin.call("GET", "boot-resources/")
        rows = json.loads(text) if status == 200 else []
        details = [self.fire.admin.call("GET", f"boot-resources/{row['id']}/") for row in rows if row["name"] == self.series]
        return [json.loads(text) for status, text in details if status == 200]

    def is_imported(self):
        rows = self.resources()
        return rows and all(version["complete"] for row in rows for version in row["sets"].values())

    def commission(self, number, points):
        life = self.fire.use(number)
        self.timeline.add(f"{life.machine.name}: power on through its BMC")
        life.enlist(LIMIT_S["New"], lambda _, text: self.timeline.add(f"{life.machine.name}: {text}"))
        self.fire.commission(points)
        self.write()

    def deploy(self, points):
        """One deployment and its release, with some points in it."""
        self.fire.use(1)
        self.fire.deploy([point for point in points if point.goal == "Deployed"], self.user, USER_DATA, self.series)
        self.write()
        self.fire.release([point for point in points if point.goal == "Ready"], self.user)
        self.write()

    def play(self):
        self.bring_up()
        for point in self.of("import"):
            self.run_import(point)
            self.write()
        if self.plan.machines:
            self.commission(1, self.of("commission"))
        if self.of("commission-uefi"):
            self.commission(2, self.of("commission-uefi"))
        deployments = [self.of(part) for part in PARTS if part.startswith("deploy") and self.of(part)]
        if deployments:
            self.user = make_user(self.fire.admin, "alice")
        for points in deployments:
            self.deploy(points)
        for point in self.points:  # whose moment passed while the one before was mended: alone
            missed = [row for row in self.fire.rows if row["point"] == point.name and row["problems"] == [UNSEEN]]
            if missed and point.part.startswith("deploy"):
                self.fire.rows.remove(missed[0])
                self.deploy([point])

    def leave_out(self, path):
        """What a file of results says went well is not done again. True: there is nothing left."""
        names = {point.name for point in self.points}
        self.before = [row for row in json.loads(path.read_text(encoding="utf-8"))["rows"] if row["ok"] and row["point"] in names]
        done = {row["point"] for row in self.before}
        left = [point for point in self.points if point.name not in done]
        self.points = left or self.points
        return not left

    def write(self):
        if self.options.json:
            content = {"seed": self.options.seed, "passed": self.passed(), "rows": self.rows, "events": self.timeline.events}
            self.options.json.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")

    def passed(self):
        good = {row["point"] for row in self.rows if row["ok"]}
        return all(point.name in good for point in self.points)

    def table(self):
        self.screen.line(f"\n{'point':<12} {'outcome':<8} {'after':>7}  {'dies':<8} {'again':>5}  seen")
        rows = {row["point"]: row for row in self.rows}
        names = {*rows, *(point.name for point in self.points)}
        for point in [point for point in kill_points.POINTS if point.name in names]:
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
    parser.add_argument("--build", type=pathlib.Path, default=BUILD, help="the build to run (default: build/release, or GANTRY_BUILD)")
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
    if options.resume and options.json.exists() and kills.leave_out(options.json):
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
        status = 1
        screen.line(f"kills: error: {error}")
    except KeyboardInterrupt:
        status = 130
    finally:
        if kills.fire:
            kills.fire.close()
        shutil.rmtree(kills.folder, ignore_errors=True)
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
