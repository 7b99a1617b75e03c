"""A machine's life in which controllers die at points (kill_points.py), and what is held against it afterwards."""
import contextlib
import re
import time

from . import judge, kill_points
from .bringup import Api
from .life import Life
from .members import is_whole, newest_status
from .probers import Writer
from .system import LabError, wait_for
from .wire import Wire

# Past these a machine counts as lost. Not derived: several times what enlisting (38 s), commissioning and deploying take when nothing
# dies, as a kill may cost a boot that starts over, and two machines may share the processors.
LIMIT_S = {"New": 300, "Ready": 420, "Deployed": 600}
SEEN_S, EVERY_S, STATUS_EVERY_S, WHOLE_S = 420, 0.02, 1.0, 120
WRITE_EVERY_MS = "100"
UNSEEN = "its moment passed unseen"


class Scene:
    """What points look at: the lab, one machine of it, and where everything was when the point was armed."""

    def __init__(self, plan, tell):
        self.plan, self.tell, self.life, self.wire, self.mirror, self.chosen = plan, tell, None, None, None, None
        self.image_name, self.fetched = "images/debian", {}
        self.mark_life = self.mark_dhcp = self.mark_transfers = self.mark_posts = self.mark_orders = 0

    def arm(self):
        self.fetched = {}
        if self.life:
            self.mark_dhcp, self.mark_transfers, self.mark_posts = self.wire.marks()
            self.mark_orders = len(self.orders())

    def orders(self):
        return judge.orders(self.life.machine)

    def serial_has(self, pattern):
        """Since the machine was ordered to do what it does: its log begins anew then."""
        return re.search(pattern, self.life.serial.text())

    def whole(self):
        status = is_whole(self.plan, newest_status(self.plan))
        return status and len(status["racks"]) == len(self.plan.racks) and all(rack["region"] for rack in status["racks"])

    def wait_whole(self):
        wait_for("a whole cluster and its racks", self.whole, WHOLE_S, 0.3)

    def wait(self, timeout_s):
        if self.wire:
            self.wire.wait(timeout_s)
        else:
            time.sleep(timeout_s)


class Outcome:
    """One point: what was seen, who died, what came of it."""

    def __init__(self, point):
        self.point, self.row = point, {"point": point.name, "what": point.what, "ok": False, "problems": [UNSEEN]}
        self.host, self.struck = None, 0.0


class UnderFire:
    """`rows` has an outcome for each point that was taken; tell(text) is called for what happens."""

    def __init__(self, plan, key, tell):
        self.plan, self.tell, self.rows, self.scene = plan, tell, [], Scene(plan, tell)
        self.admin, self.record, self.wires = Api(plan, key), None, []
        self.lives = [Life(plan, machine, key) for machine in plan.machines]
        with contextlib.ExitStack() as made:  # nobody can close what did not begin
            self.writer = Writer(plan, key, "--every-ms", WRITE_EVERY_MS)
            made.callback(self.writer.stop)
            for machine in plan.machines:
                self.wires.append(Wire(plan, machine))
                made.callback(self.wires[-1].stop)
            self.writer.goes_on(5)
            self.beside = made.pop_all()

    def close(self):
        self.beside.close()

    def use(self, number):
        """From now on it is about this machine (from 1)."""
        self.scene.life, self.scene.wire = self.lives[number - 1], self.wires[number - 1]
        return self.scene.life

    # ---- one point

    def arm(self, point):
        self.scene.wait_whole()
        if point.prepare:
            point.prepare(self.scene)
        self.scene.arm()
        self.tell(f"[{point.name}] waits for its moment: {point.what}")

    def strike(self, point, gone_by=lambda: False):
        """When its moment is seen the controller dies. gone_by() says that the moment has passed."""
        outcome, deadline, looked = Outcome(point), time.monotonic() + SEEN_S, time.monotonic()
        while not (found := point.seen(self.scene)):
            if time.monotonic() > deadline:
                raise LabError(f"{point.name}: its moment was not seen within {SEEN_S} s")
            if time.monotonic() - looked > STATUS_EVERY_S:
                looked = time.monotonic()
                if gone_by():
                    return outcome
            self.scene.wait(EVERY_S)
        outcome.host, seen = found
        kill_points.strike(self.scene, point, outcome.host)
        outcome.struck = time.monotonic()
        how = {"freeze": "stands still", "all": "dies"}.get(point.fault, f"loses its {point.fault}")
        outcome.row.update({"seen": seen, "victim": outcome.host.name, "fault": point.fault})
        self.tell(f"[{point.name}] {seen}: {outcome.host.name} {how}")
        return outcome

    def finish(self, outcome, wanted=()):
        """It got there: mended, and what is wrong all the same."""
        point, row = outcome.point, outcome.row
        self.rows.append(row)
        if not outcome.host:
            self.tell(f"[{point.name}] {UNSEEN}")
            if point.undo:
                point.undo(self.scene)
            return
        row["recovered_s"] = round(time.monotonic() - outcome.struck, 1)
        self.tell(f"[{point.name}] over it, {row['recovered_s']:.0f} s after; {outcome.host.name} comes back")
        kill_points.mend(self.scene, point, outcome.host)
        problems = self.record.wrong(wanted) if wanted else []
        problems += judge.addresses_wrong(self.wires)
        self.writer.goes_on(5)
        lost, twice = self.writer.compare(20)
        problems += [f"acknowledged writes lost: {lost[:5]}"] if lost else []
        problems += [f"writes done twice: {twice[:5]}"] if twice else []
        problems += [f"refused: {text}" for text in self.writer.refused[:3]]
        self.writer.refused.clear()
        row.update({"ok": not problems, "problems": problems})
        if self.scene.wire:
            row["dhcp"] = [f"{message['when'] - outcome.struck:+.1f} s {message['type']} {message['server']} {message['address']}"
                           for message in self.scene.wire.dhcp if message["when"] >= outcome.struck]
        if wanted:
            row["orders"] = " ".join(self.record.power_orders())
            row["started_again"] = len([work for work in self.record.operations() if work[3]])
        self.tell(f"[{point.name}] {'; '.join(problems) or 'well'}")

    # ---- parts of a life

    def begin(self):
        life = self.scene.life
        life.wait_off()
        self.record = judge.Record(self.plan, life.machine, life.system_id)
        self.scene.mark_life = self.scene.wire.marks()[1]

    def commission(self, points):
        life = self.scene.life
        self.begin()
        for point in points:
            self.arm(point)
        life.commission()
        outcomes = [self.strike(point, lambda: life.status() == "Ready") for point in points]
        life.wait("Ready", LIMIT_S["Ready"])
        for outcome in outcomes:
            self.finish(outcome, ("commission",))

    def deploy(self, points, user, user_data, series=None):
        """From Allocated to Deployed, with these points on the way, each when the one before is over and mended."""
        life = self.scene.life
        self.begin()
        life.allocate(user)
        for point in points[:1]:
            self.arm(point)
        life.deploy(user, user_data, series)
        for point in points:
            if point is not points[0]:
                self.arm(point)
            outcome = self.strike(point, lambda: life.status() == "Deployed")
            if outcome.host and point is not points[-1] and point.past:
                wait_for(f"{point.name}: the machine to be over it", lambda p=point: p.past(self.scene), LIMIT_S["Deployed"], 0.2)
            else:
                life.wait("Deployed", LIMIT_S["Deployed"])
            self.finish(outcome, ("deploy",))
        life.wait("Deployed", LIMIT_S["Deployed"])

    def release(self, points, user):
        life = self.scene.life
        for point in points:
            self.arm(point)
        life.release(user)
        outcomes = [self.strike(point, lambda: life.status() == "Ready") for point in points]
        life.wait("Ready", LIMIT_S["Ready"])
        life.wait_off()
        for outcome in outcomes:
            self.finish(outcome, ("deploy", "release"))
