"""Five regions lose two at once, the primary among them: three go on, nothing acknowledged is lost, all come back."""
import threading
import time

import pytest

from lab import lab as make_lab, wait_for
from labkit import members

pytestmark = pytest.mark.level("full")
WHOLE_S = 120


@pytest.fixture(name="lab", scope="module")
def make_five():
    with make_lab("gt5", "--regions", "5", "--racks", "0", "--machines", "0", "--no-images") as lab:
        members.wait_whole(lab.plan, WHOLE_S)
        yield lab


def check_all(lab, writer):
    """Each acknowledged write is on each region, once; there is one leader."""
    status = members.wait_whole(lab.plan, WHOLE_S)
    assert writer.compare() == ([], [])
    writer.check_nothing_lost()
    assert [member["raft_role"] for member in status["members"]].count("leader") == 1


def at_once(lab, command, regions):
    threads = [threading.Thread(target=lab.run, args=(command, region)) for region in regions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def others_than(lab, name):
    return [region.name for region in lab.plan.regions if region.name != name]


def test_a_write_is_on_three(lab):
    name = members.wait_whole(lab.plan, WHOLE_S)["primary"]["name"]
    primary = next(region for region in lab.plan.regions if region.name == name)
    others = ", ".join(f"repl_{number}" for number in range(1, 6) if f"region{number}" != name)
    assert members.sql(primary, "SELECT current_setting('synchronous_standby_names')") == f"ANY 2 ({others})"


@pytest.mark.parametrize("with_primary", [True, False])
def test_two_are_lost_at_once(lab, writer, with_primary):
    before = members.wait_whole(lab.plan, WHOLE_S)
    primary, epoch = before["primary"]["name"], before["primary"]["epoch"]
    others = others_than(lab, primary)
    lost = [primary, others[0]] if with_primary else others[:2]
    writer.goes_on(10)
    start = writer.acknowledged[-1][1]
    at_once(lab, "kill", lost)
    try:
        writer.goes_on(30, 60)
        status = wait_for("a serving primary", lambda: (now := members.newest_status(lab.plan, *lost)) and
                          now["primary"]["phase"] == "serving" and now["primary"]["name"] not in lost and now, 30)
        assert (status["primary"]["epoch"] > epoch) == with_primary
        time.sleep(2)  # the two that are left acknowledge alone
        writer.goes_on(20)
    finally:
        at_once(lab, "start", lost)
    gap = writer.longest_gap_s(start)
    print(f"\ntwo of five lost, {'the primary among them' if with_primary else 'standbys'}: {gap * 1000:.0f} ms", end="")
    check_all(lab, writer)
    assert gap < 10


def test_a_third_one_is_too_many(lab, writer):
    """Without a quorum nothing is acknowledged; with it again everything that was is there."""
    primary = members.wait_whole(lab.plan, WHOLE_S)["primary"]["name"]
    lost = others_than(lab, primary)[:3]
    at_once(lab, "kill", lost)
    try:
        wait_for("the loss of the quorum", lambda: (lab.status(primary) or {}).get("verdict") == "no-quorum", 30)
        time.sleep(3)
        count = len(writer.acknowledged)
        time.sleep(2)
        assert len(writer.acknowledged) == count
    finally:
        at_once(lab, "start", lost)
    writer.goes_on(20, 90)
    check_all(lab, writer)
