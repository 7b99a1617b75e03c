"""What an idle cluster costs: processor time and writing of all processes of a region."""
import contextlib
import re
import statistics
import subprocess
import time

from labkit.members import process_times, wait_whole
from labkit.system import command_of, netns_pids

SECONDS, TRACED_S, QUIET_S = 30, 10, 10
SYNCS = ("fsync", "fdatasync", "io_submit", "pwritev2", "sync_file_range")


def writes(pids):
    """{process: (bytes it made dirty, bytes of its write calls)}, with its children that ended. A file that was written in
    large pieces is kept in large pages, and each of them counts as written whole, 256 KiB for a commit of PostgreSQL:
    that one is counted by its calls."""
    found = {}
    for pid in pids:
        with contextlib.suppress(OSError):
            with open(f"/proc/{pid}/io", encoding="ascii") as file:
                text = file.read()
            dirty, called = (int(re.search(rf"^{key}: (\d+)", text, re.M)[1]) for key in ("write_bytes", "wchar"))
            found[pid] = (dirty, called, (command_of(pid) or ("",))[0] == "postgres")
    return found


def written_bytes(before, now):
    """What began meanwhile counts from its beginning."""
    total = 0
    for pid, (dirty, called, is_postgres) in now.items():
        dirty_then, called_then, _ = before.get(pid, (0, 0, False))
        total += min(dirty - dirty_then, called - called_then) if is_postgres else dirty - dirty_then
    return total


def traced_syncs(pids):
    """{call: times a second}, by strace, which slows what it looks at: after the rest was measured."""
    argv = ["strace", "-f", "-c", "-q", "-e", f"trace={','.join(SYNCS)}", *[word for pid in pids for word in ("-p", str(pid))]]
    with subprocess.Popen(argv, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as tracer:
        time.sleep(TRACED_S)
        tracer.terminate()
        text = tracer.stderr.read()
    rows = (line.split() for line in text.splitlines())
    return {row[-1]: round(int(row[3]) / TRACED_S, 1) for row in rows if len(row) >= 5 and row[-1] in SYNCS and row[3].isdigit()}


def idle_round(plan):
    """Percent of one processor, of the busiest region."""
    status = wait_whole(plan, 60)
    time.sleep(QUIET_S)
    pids = {region.name: netns_pids(region.netns) for region in plan.regions}
    start, before = time.monotonic(), {name: (process_times(those), writes(those)) for name, those in pids.items()}
    time.sleep(SECONDS)
    regions = {}
    for region in plan.regions:
        now, passed = netns_pids(region.netns), time.monotonic() - start
        cpu_s, written = before[region.name]
        regions[region.name] = {"cpu_percent": round((process_times(now) - cpu_s) / passed * 100, 2),
                                "written_bytes_per_s": round(written_bytes(written, writes(now)) / passed),
                                "primary": status["primary"]["name"] == region.name}
    for region in plan.regions:
        regions[region.name]["syncs_per_s"] = traced_syncs(netns_pids(region.netns))
    most = max(regions.values(), key=lambda row: row["cpu_percent"])
    return {"unit": "% CPU", "value": most["cpu_percent"], "regions": regions, "notes": {
        "mean %": round(statistics.mean(row["cpu_percent"] for row in regions.values()), 1),
        "kB/s written, most": round(max(row["written_bytes_per_s"] for row in regions.values()) / 1000, 1),
        "syncs/s, most": max(sum(row["syncs_per_s"].values()) for row in regions.values())}}
