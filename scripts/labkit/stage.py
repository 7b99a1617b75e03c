"""What the stories that run in a lab of their own have in common: it comes up, and goes again whatever happens."""
import json
import pathlib
import signal
import subprocess
import time

from . import hosts
from .members import leader_of, wait_whole
from .plan import Plan
from .system import LabError

LAB = pathlib.Path(__file__).resolve().parent.parent / "lab"


def exists(name):
    try:
        Plan.load(name)
    except LabError:
        return False
    return True


def bring_up(screen, name, *options):
    """`scripts/lab up` with its progress on the screen; lab.json of it."""
    argv = ["/usr/bin/python3", LAB, "up", "--name", name, *options]
    # A session of its own: Ctrl-C comes to it once, through us.
    with subprocess.Popen([str(word) for word in argv], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          start_new_session=True) as process:
        try:
            for line in process.stderr:
                screen.line("  " + line.rstrip("\n").removeprefix("lab: "))
            answer = process.stdout.read()
        except BaseException:
            ignore_signals()
            process.send_signal(signal.SIGINT)  # it takes down what it made
            process.communicate()
            raise
    if process.returncode:
        raise LabError("the lab did not come up")
    return json.loads(answer)


def put_all_on_one(plan, tell=lambda text: None, timeout_s=60):
    """The worst to lose: PostgreSQL is handed to the region that leads. The status then."""
    deadline = time.monotonic() + timeout_s
    while True:
        status = wait_whole(plan)
        leader, primary = leader_of(status), status["primary"]["name"]
        if leader and leader == primary:
            return status
        if time.monotonic() > deadline:
            raise LabError(f"within {timeout_s} s: leader {leader}, primary {primary}, not the same region")
        if leader:
            tell(f"switchover: {primary} hands PostgreSQL to {leader}, which leads")
            hosts.gantry(plan, plan.host(leader), "primary", "switchover", "--to", leader, stdin=subprocess.DEVNULL)


def ignore_signals():
    """From here on only cleaning up is left."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


def interrupted(*_):
    raise KeyboardInterrupt


def catch_signals():
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupted)


def take_down(name, screen):
    """0 when nothing of the lab is left. Not to be interrupted."""
    screen.status("")
    ignore_signals()
    if not exists(name):  # `lab up` cleaned up after itself
        return 0
    done = subprocess.run(["/usr/bin/python3", LAB, "down", "--name", name], capture_output=True, text=True, check=False)
    screen.line("The lab is gone." if done.returncode == 0 else done.stderr.strip())
    return done.returncode
