"""What the regions of a lab say of themselves: their status, their own database, their health port."""
import contextlib
import ctypes
import http.client
import json
import os
import socket
import subprocess
import threading

from .system import wait_for

CLONE_NEWNET = 0x40000000
HEALTH_PORT = 5239
DATABASE = "gantry"


def ask(region, command, timeout_s=3, **parameters):
    """A command of the region's control socket: its reply, None = no answer, or a refusal."""
    line = json.dumps({"command": command, **parameters}) + "\n"
    with contextlib.suppress(OSError, ValueError), socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(timeout_s)
        connection.connect(str(region.run / "regiond.sock"))
        connection.sendall(line.encode())
        for answer in connection.makefile("r", encoding="utf-8"):
            reply = json.loads(answer)
            if "ok" in reply:
                return reply if reply["ok"] else None
    return None


def newest_status(plan, *without):
    """The status as the region tells it that has the newest facts of those that answer, or None."""
    told = [ask(region, "status") for region in plan.regions if region.name not in without]
    return max((status for status in told if status and status.get("primary")), default=None,
               key=lambda status: (status["primary"]["epoch"], status["cluster"]["term"]))


def leader_of(status):
    """The name of raft's leader, None when nobody that answers is it."""
    return next((m["name"] for m in status["members"] if m["raft_role"] == "leader" and m["reachable"]), None)


def is_whole(plan, status):
    """status when every region has its place in it: one writes, the others follow, all vote; else None."""
    if not status or status["verdict"] != "healthy" or len(status["members"]) != len(plan.regions):
        return None
    steps = sorted(member["pg_step"] or "" for member in status["members"])
    votes = all(member["data_voter"] and member["raft_voter"] for member in status["members"])
    return status if votes and steps == ["following"] * (len(steps) - 1) + ["steady"] else None


def wait_whole(plan, timeout_s=60):
    return wait_for("a whole cluster", lambda: is_whole(plan, newest_status(plan)), timeout_s, 0.3)


def sql(region, statement, timeout_s=5):
    """The answer of that region's own PostgreSQL as text, None = it does not answer."""
    argv = ["runuser", "-u", "gantry", "--", "psql", "-h", region.run, "-p", "5253", "-U", DATABASE, "-d", DATABASE, "-Atqc",
            statement]
    try:
        done = subprocess.run(argv, text=True, capture_output=True, check=False, timeout=timeout_s)
    except subprocess.TimeoutExpired:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def inside(netns, work):
    """What work() returns, on a thread inside a network namespace; sockets made there stay there."""
    result, failure = [], []

    def enter():
        try:
            with open(f"/run/netns/{netns}", encoding="ascii") as file:
                if ctypes.CDLL(None, use_errno=True).setns(file.fileno(), CLONE_NEWNET):
                    raise OSError(ctypes.get_errno(), f"enter {netns}")
            result.append(work())
        except Exception as error:  # pylint: disable=broad-exception-caught  # of whatever kind: it is raised below
            failure.append(error)

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    if failure:
        raise failure[0]
    return result[0]


def metrics(region, timeout_s=0.3):
    """{name: number} from the health port, {} = no answer. The caller is inside a namespace that reaches the region."""
    connection = http.client.HTTPConnection(region.address, HEALTH_PORT, timeout=timeout_s)
    try:
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
    except (OSError, http.client.HTTPException):
        return {}
    finally:
        connection.close()
    pairs = (line.rsplit(" ", 1) for line in text.splitlines() if line and not line.startswith("#"))
    return {name: float(value) for name, value in pairs}


def process_times(pids):
    """Seconds of processor time that processes, and those of their children that ended, have used."""
    ticks = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
                ticks += sum(map(int, file.read().rpartition(")")[2].split()[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")
