"""Commands, processes by network namespace, and waiting: what the rest of the lab is built with."""
import os
import pathlib
import signal
import subprocess
import sys
import time


class LabError(Exception):
    """Something a person can act on; the command line prints its text and exits 1."""


def say(text):
    """One line of progress, to stderr: stdout carries the result."""
    print(f"lab: {text}", file=sys.stderr, flush=True)


def run(*argv, check=True, capture=True, **options):
    """Run a program to its end; its output is in the error when it fails."""
    result = subprocess.run([str(a) for a in argv], text=True, check=False,
                            stdout=subprocess.PIPE if capture else None,
                            stderr=subprocess.STDOUT if capture else None, **options)
    if check and result.returncode:
        raise LabError(f"{' '.join(str(a) for a in argv)}: exit {result.returncode}\n{result.stdout or ''}".rstrip())
    return result


def in_netns(netns, *argv):
    """argv that enters a namespace. Not `ip netns exec`: that hides the cgroup mounts."""
    return ["nsenter", f"--net=/run/netns/{netns}", "--", *[str(a) for a in argv]]


def netns_exists(netns):
    return pathlib.Path("/run/netns", netns).exists()


def netns_pids(netns):
    """Every process whose network namespace this is."""
    try:
        wanted = os.stat(f"/run/netns/{netns}").st_ino
    except FileNotFoundError:
        return []
    pids = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                if os.stat(f"/proc/{entry}/ns/net").st_ino == wanted:
                    pids.append(int(entry))
            except (FileNotFoundError, ProcessLookupError, PermissionError):
                continue
    return sorted(pids)


def command_of(pid):
    """(name, argv, parent) of a process, or None when it is gone or a zombie."""
    try:
        proc = pathlib.Path("/proc", str(pid))
        fields = (proc / "stat").read_text().rpartition(")")[2].split()
        if fields[0] == "Z":
            return None
        argv = (proc / "cmdline").read_bytes().rstrip(b"\0").decode("utf-8", "replace").split("\0")
        return (proc / "comm").read_text().strip(), argv, int(fields[1])
    except (FileNotFoundError, ProcessLookupError):
        return None


def start_time(pid):
    """Start time in ticks: with the pid it names one process for ever; None when gone."""
    try:
        return int(pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    except (FileNotFoundError, ProcessLookupError):
        return None


def send_signal(pids, number):
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


def wait_for(what, condition, timeout_s, every_s=0.1):
    """The first true value of condition(); LabError after timeout_s."""
    deadline = time.monotonic() + timeout_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise LabError(f"{what}: not within {timeout_s} s")
        time.sleep(every_s)


def kill_all(netns, timeout_s=10):
    """SIGKILL until no process is left in the namespace."""
    def gone():
        alive = [pid for pid in netns_pids(netns) if command_of(pid)]
        send_signal(alive, signal.SIGKILL)
        return not alive
    wait_for(f"end of the processes in {netns}", gone, timeout_s, 0.02)


def spawn(netns, argv, log):
    """Start a daemon in a namespace; it outlives us, its output goes to the log. Returns its pid."""
    with open(log, "ab") as out:
        # nsenter becomes the program by exec: its pid is the program's
        process = subprocess.Popen(in_netns(netns, *argv), stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                   start_new_session=True, cwd="/")
    return process.pid
