"""Two regions on one database get the same request, by one id, at the same time: it is done once, and both give the same answer."""
import concurrent.futures
import threading
import time
import uuid

import pytest

from conftest import Api, make_images
from test_life import events, ready
from test_machines import make

ROUNDS = 100


@pytest.fixture(scope="module")
def regions(tmp_path_factory):
    images = make_images(tmp_path_factory.mktemp("images"))
    first = Api(GANTRY_IMAGES=images)
    second = Api(beside=first, GANTRY_IMAGES=images)
    for name, value in (("default_osystem", "debian"), ("default_distro_series", "bookworm")):
        assert first.admin.post("maas/?op=set_config", name=name, value=value).status == 200
    yield first, second
    second.close()
    first.close()


@pytest.fixture(scope="module")
def both(regions):
    """ask(path, params): the replies of the two, asked at one moment, each again as clients do when they are told to."""
    barrier = threading.Barrier(2)
    pool = concurrent.futures.ThreadPoolExecutor(2)

    def one(client, path, headers, params):
        barrier.wait()
        deadline = time.monotonic() + 20
        while True:
            reply = client.post(path, headers, **params)
            if "Retry-After" not in reply.headers or time.monotonic() > deadline:
                return reply
            time.sleep(0.05)

    def ask(path, **params):
        headers = {"X-Request-Id": str(uuid.uuid4())}
        return list(pool.map(lambda region: one(region.admin, path, headers, params), regions))
    yield ask
    pool.shutdown()


def check(replies):
    one, other = replies
    assert one.status == other.status == 200, (one.status, one.text, other.status, other.text)
    assert one.body == other.body
    return one.json()


def test_a_hundred_rounds(regions, both):
    """What is made twice by mistake: keys, machines, zones of one name (the second of which would be refused)."""
    first, _ = regions
    for i in range(ROUNDS):
        kind = i % 4
        if kind == 0:
            check(both("account/?op=create_authorisation_token", name="both"))
        elif kind == 1:
            check(both("machines/", architecture="amd64", mac_addresses=f"02:00:00:00:01:{i:02x}", commission="false", description="both"))
        elif kind == 2:
            check(both("zones/", name=f"both-{i}"))
        else:
            check(both("notifications/", message="both"))
    counts = first.sql("SELECT (SELECT count(*) FROM api_token WHERE name = 'both'), (SELECT count(*) FROM node WHERE description = 'both'), "
                       "(SELECT count(*) FROM zone WHERE name LIKE 'both-%'), (SELECT count(*) FROM notification WHERE message = 'both')")
    assert counts == "|".join([str(ROUNDS // 4)] * 4)


def test_one_machine_is_taken_and_given_back(regions, both):
    """Allocated, deployed, released: each once, though either region would find another free machine."""
    first, _ = regions
    machines = [ready(first)["system_id"] for _ in range(4)]
    for _ in range(8):
        taken = check(both("machines/?op=allocate", agent_name="both"))
        assert taken["system_id"] in machines
        assert first.sql("SELECT count(*) FROM node WHERE status = 10") == "1"
        machine = {"system_id": taken["system_id"]}
        told = len(events(first, machine))
        check(both(f"machines/{machine['system_id']}/?op=deploy"))
        words = [kind for kind, _ in events(first, machine)][:-told]
        assert words.count("User starting deployment") == 1, words
        assert check(both(f"machines/{machine['system_id']}/?op=release"))["status_name"] == "Ready"


def test_what_is_refused_is_refused_by_both(regions, both):
    first, _ = regions
    machine = make(first.admin, power_type="manual")
    for _ in range(5):
        replies = both(f"machines/{machine['system_id']}/?op=deploy")
        assert [reply.status for reply in replies] == [409, 409] and replies[0].text == replies[1].text


def test_a_wish_is_noted_once(regions, both):
    """A machine that people switch by hand: nothing but the event is left of it."""
    first, _ = regions
    machine = make(first.admin, deployed="true", power_type="manual")
    for _ in range(5):
        before = len(events(first, machine))
        check(both(f"machines/{machine['system_id']}/?op=power_on"))
        assert len(events(first, machine)) == before + 1
