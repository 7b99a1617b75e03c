"""What happens to a cluster, live: lines with the time for everybody, and watchers of the regions and of the clients."""
import sys
import threading
import time

from .members import inside, metrics

EVERY_S = 0.05
GAP_S = 0.25  # clients that were answered at 50/s: a shorter one is no outage


class Screen:
    """Lines for everybody, and on a terminal a last line that says what is waited for. Any thread."""

    def __init__(self):
        self.live = sys.stdout.isatty()
        self.start, self.lock, self.waiting = time.monotonic(), threading.Lock(), ""

    def line(self, text=""):
        with self.lock:
            print(("\r\033[K" if self.live else "") + text, flush=True)
            self._show_waiting()

    def status(self, text):
        with self.lock:
            self.waiting = text
            self._show_waiting()

    def _show_waiting(self):
        if self.live and self.waiting:
            print(f"\r\033[K{time.monotonic() - self.start:6.0f} s  {self.waiting} ...", end="", flush=True)


class Timeline:
    """Events as they happen, and what they are counted from once something was broken. Any thread."""

    def __init__(self, screen):
        self.screen, self.events, self.broken = screen, [], None

    def add(self, text, when=None):
        when = when or time.monotonic()
        since = when - self.screen.start
        event = {"t_s": round(since, 2), "text": text}
        beside = ""
        if self.broken and when >= self.broken:
            event["since_fault_s"] = round(when - self.broken, 2)
            beside = f"{event['since_fault_s']:+7.2f} s"
        self.events.append(event)
        self.screen.line(f"{since:7.1f} s {beside:>10}  {text}")

    def breaks(self, text):
        """From here on the time since the fault stands beside that since the start."""
        self.broken = time.monotonic()
        self.add(text, self.broken)


def view_of(numbers):
    """What concerns everybody in {region: its metrics}: the leader, the primary, who holds how many virtual IPs, who is silent."""
    def those(name):
        return [region for region, seen in numbers.items() if seen.get(name)]
    leaders = sorted(those("gantry_leader"), key=lambda region: -numbers[region].get("gantry_raft_term", 0))
    primaries = sorted(those("gantry_primary"), key=lambda region: -numbers[region].get("gantry_pg_epoch", 0))
    return {
        "leader": (leaders[0], int(numbers[leaders[0]].get("gantry_raft_term", 0))) if leaders else None,
        "primary": (primaries[0], int(numbers[primaries[0]].get("gantry_pg_epoch", 0))) if primaries else None,
        "vips": {region: int(seen["gantry_vips_held"]) for region, seen in numbers.items() if "gantry_vips_held" in seen},
        "silent": {region for region, seen in numbers.items() if not seen},
    }


def changes(before, after):
    """What to say of two views."""
    texts = [f"{region} is silent" for region in sorted(after["silent"] - before["silent"])]
    texts += [f"{region} answers" for region in sorted(before["silent"] - after["silent"])]
    if before["leader"] != after["leader"]:
        texts.append("raft: {} leads, term {}".format(*after["leader"]) if after["leader"] else "raft: the leader is lost")
    if before["primary"] != after["primary"]:
        texts.append("PostgreSQL: {} is primary, epoch {}".format(*after["primary"]) if after["primary"] else
                     "PostgreSQL: the primary is lost")
    for region, held in sorted(after["vips"].items()):
        if held != before["vips"].get(region, held) or (region in before["silent"] and held):
            texts.append(f"{region} holds {held} virtual IP{'s' if held != 1 else ''}")
    return texts


class ClusterWatch:
    """Looks at the health ports of all regions from the client's namespace, each on a thread of its own, and tells changes."""

    def __init__(self, plan, timeline):
        self.plan, self.timeline = plan, timeline
        self.done, self.lock, self.numbers, self.view = threading.Event(), threading.Lock(), {}, None
        self.threads = [threading.Thread(target=inside, args=(plan.client.netns, lambda r=region: self._watch(r)))
                        for region in plan.regions]
        for thread in self.threads:
            thread.start()

    def _watch(self, region):
        while not self.done.wait(EVERY_S):
            seen = metrics(region)
            with self.lock:
                self.numbers[region.name] = seen
                self._tell()

    def _tell(self):
        if len(self.numbers) < len(self.plan.regions):  # not all were asked yet
            return
        view = view_of(self.numbers)
        for text in changes(self.view, view) if self.view else ():
            self.timeline.add(text)
        self.view = view

    def stop(self):
        self.done.set()
        for thread in self.threads:
            thread.join()


def tell_gaps(prober, what, timeline):
    """Adds an event for the first answer after each gap; a prober's listener runs on its thread."""
    last = [None]

    def listen(_, when):
        if last[0] and when - last[0] > GAP_S:
            timeline.add(f"first {what} again, after {when - last[0]:.2f} s without", when)
        last[0] = when
    prober.listeners.append(listen)
