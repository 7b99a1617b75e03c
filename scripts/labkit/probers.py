"""Clients of the API that never stop, each a program of its own in the client's namespace, and what they saw."""
import contextlib
import pathlib
import subprocess
import sys
import threading
import time

from .members import sql
from .system import LabError, in_netns, wait_for

PROGRAM = pathlib.Path(__file__).with_name("prober")
TABLES = {"tag": "tag", "key": "api_token"}  # what a writer makes -> where its names stand


class Prober:
    """One client. `acknowledged` are (name, when) of what went well, `failed` (status, when), `refused` texts."""

    def __init__(self, plan, key, mode, *options):
        self.acknowledged, self.failed, self.refused, self.listeners = [], [], [], []
        argv = in_netns(plan.client.netns, sys.executable, PROGRAM, mode, *(() if "--url" in options else ("--url", plan.api_url)),
                        *options)
        self.child = subprocess.Popen(argv, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)
        self.order(key)
        self.thread = threading.Thread(target=self._listen)
        self.thread.start()

    def order(self, line):
        with contextlib.suppress(BrokenPipeError, ValueError):  # it was stopped
            self.child.stdin.write(line + "\n")
            self.child.stdin.flush()

    def _listen(self):
        for line in self.child.stdout:
            word, *rest, when = line.split()
            if word == "ok":
                self.acknowledged.append((rest[0], float(when)))
                for listener in self.listeners:
                    listener(rest[0], float(when))
            elif word == "failed":
                self.failed.append((int(rest[0]), float(when)))
            else:
                self.refused.append(line.strip())

    def check(self):
        """LabError when it got an answer that may not be, or has ended."""
        if self.refused:
            raise LabError(f"a client was told what may not be: {self.refused[0]}")
        if self.child.poll() is not None:
            raise LabError(f"a client has ended with {self.child.returncode}")

    def goes_on(self, count=10, timeout_s=60):
        """Until so many more went well."""
        goal = len(self.acknowledged) + count

        def done():
            self.check()
            return len(self.acknowledged) >= goal
        wait_for(f"{count} more answers of the API", done, timeout_s, 0.02)

    def longest_gap(self, since=0.0, until=float("inf")):
        """(from, to) of the longest time without an answer that ended in a time; (since, since) when there is none."""
        times = [when for _, when in list(self.acknowledged) if when <= until]
        pairs = [(a, b) for a, b in zip(times, times[1:]) if b >= since]
        return max(pairs, key=lambda pair: pair[1] - pair[0], default=(since, since))

    def longest_gap_s(self, since=0.0):
        begin, end = self.longest_gap(since)
        return end - begin

    def stop(self):
        """Twice does no harm."""
        with contextlib.suppress(BrokenPipeError):
            self.child.stdin.close()
        try:
            self.child.wait(10)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
        self.thread.join(10)


class Writer(Prober):
    """A client that makes objects with names of their own, and what the regions have of them."""

    def __init__(self, plan, key, *options):
        super().__init__(plan, key, "write", *options)
        self.plan = plan
        kind = options[options.index("--kind") + 1] if "--kind" in options else "tag"
        self.table = TABLES[kind]

    def stored_on(self, region):
        """[names] of all writers of this kind in that region's own database, None = it does not answer."""
        answer = sql(region, f"SELECT string_agg(name, ' ') FROM {self.table} WHERE name LIKE 'write-%'", 30)
        return None if answer is None else answer.split()

    def missing_on(self, region, acknowledged):
        """The acknowledged names that a region does not have: all when it does not answer."""
        return acknowledged - set(self.stored_on(region) or ())

    def compare(self, timeout_s=10):
        """(lost, twice): acknowledged names that some region does not have at the end of that time, and names that are
        there more than once."""
        acknowledged, lost, twice = {name for name, _ in list(self.acknowledged)}, set(), set()
        deadline = time.monotonic() + timeout_s
        for region in self.plan.regions:
            while (missing := self.missing_on(region, acknowledged)) and time.monotonic() < deadline:
                time.sleep(0.1)
            lost |= missing
            stored = sorted(self.stored_on(region) or ())
            twice |= {a for a, b in zip(stored, stored[1:]) if a == b}
        return sorted(lost), sorted(twice)


class Reader(Prober):
    """A client that wants what a writer was last told is done: what it does not find was a stale read."""

    def __init__(self, plan, key, writer, *options):
        super().__init__(plan, key, "read", *options)
        writer.listeners.append(lambda name, _: self.order(name))
