"""Five regions lose two at once, the primary among them: three go on, nothing acknowledged is lost, all come back."""
import json
import threading
import time

import pytest

from lab import lab as make_lab, wait_for
from test_failover import gap_since, names_on, sql

pytestmark = pytest.mark.level("full")
NAMES = [f"region{number}" for number in range(1, 6)]


def status_of(lab, *without):
    """The newest view of those regions that answer."""
    best = None
    for region in (name for name in NAMES if name not in without):
        result = lab.run("exec", region, "--", "timeout", "3", "gantry", "--json", "status", check=False)
        seen = json.loads(result.stdout) if result.returncode == 0 else None
        if seen and (not best or (seen["primary"]["epoch"], seen["cluster"]["term"]) >
                     (best["primary"]["epoch"], best["cluster"]["term"])):
            best = seen
    return best


def whole(lab, timeout_s=120):
    def look():
        status = lab.status(NAMES[0]) or status_of(lab)
        if not status or status["verdict"] != "healthy" or len(status["members"]) != len(NAMES):
            return None
        steps = sorted(member["pg_step"] or "" for member in status["members"])
        votes = all(member["data_voter"] and member["raft_voter"] for member in status["members"])
        return status if votes and steps == ["following"] * 4 + ["steady"] else None
    return wait_for("five regions in their places", look, timeout_s, 0.5)


@pytest.fixture(name="lab", scope="module")
def make_five():
    with make_lab("gt5", "--regions", "5", "--racks", "0", "--machines", "0", "--no-images") as lab:
        whole(lab)
        yield lab


def quorum_of(lab, region):
    return sql(lab, region, "SELECT current_setting('synchronous_standby_names')")


def check_all(lab, writer):
    status = whole(lab)
    acknowledged = {name for name, _ in list(writer.acknowledged)}
    for region in NAMES:
        wait_for(f"all acknowledged writes on {region}", lambda r=region: not acknowledged - names_on(lab, r), 20)
    writer.check_nothing_lost()
    assert [member["raft_role"] for member in status["members"]].count("leader") == 1


def at_once(lab, command, regions):
    threads = [threading.Thread(target=lab.run, args=(command, region)) for region in regions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_a_write_is_on_three(lab):
    primary = whole(lab)["primary"]["name"]
    others = ", ".join(f"repl_{number}" for number in range(1, 6) if f"region{number}" != primary)
    assert quorum_of(lab, primary) == f"ANY 2 ({others})"


@pytest.mark.parametrize("with_primary", [True, False])
def test_two_are_lost_at_once(lab, writer, with_primary):
    before = whole(lab)
    primary, epoch = before["primary"]["name"], before["primary"]["epoch"]
    others = [name for name in NAMES if name != primary]
    lost = [primary, others[0]] if with_primary else others[:2]
    writer.writes_on(10)
    start = len(writer.acknowledged)
    at_once(lab, "kill", lost)
    try:
        writer.writes_on(30, 60)
        status = wait_for("a serving primary", lambda: (now := status_of(lab, *lost)) and now["primary"]["phase"] == "serving" and
                          now["primary"]["name"] not in lost and now, 30)
        assert (status["primary"]["epoch"] > epoch) == with_primary
        time.sleep(2)  # the two that are left acknowledge alone
        writer.writes_on(20)
    finally:
        at_once(lab, "start", lost)
    gap = gap_since(writer, start)
    print(f"\ntwo of five lost, {'the primary' if with_primary else 'standbys'}: {gap * 1000:.0f} ms without a write", end="")
    check_all(lab, writer)
    assert gap < 10


def test_a_third_one_is_too_many(lab, writer):
    """Without a quorum nothing is acknowledged; with it again everything that was is there."""
    before = whole(lab)
    primary = before["primary"]["name"]
    lost = [name for name in NAMES if name != primary][:3]
    at_once(lab, "kill", lost)
    wait_for("the loss of the quorum", lambda: (lab.status(primary) or {}).get("verdict") == "no-quorum", 30)
    time.sleep(3)
    count = len(writer.acknowledged)
    time.sleep(2)
    assert len(writer.acknowledged) == count
    at_once(lab, "start", lost)
    writer.writes_on(20, 90)
    check_all(lab, writer)
