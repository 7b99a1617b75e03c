"""Writes happen once: request ids, lost connections, a missing primary, many clients at a time."""
import concurrent.futures
import threading
import time
import uuid

import pytest

from conftest import Api

NEW_KEY = "account/?op=create_authorisation_token"


def keys_named(api, name):
    return int(api.sql(f"SELECT count(*) FROM api_token WHERE name = '{name}'"))


def test_repeat_returns_the_first_answer(api):
    headers = {"X-Request-Id": str(uuid.uuid4())}
    first = api.admin.post(NEW_KEY, headers, name="once")
    again = api.admin.post(NEW_KEY, headers, name="once")
    assert first.status == again.status == 200
    assert first.body == again.body
    assert first.headers["Content-Type"] == again.headers["Content-Type"]
    assert keys_named(api, "once") == 1
    upper = api.admin.post(NEW_KEY, {"X-Request-Id": headers["X-Request-Id"].upper()}, name="once")
    assert upper.body == first.body


def test_repeat_of_an_empty_answer(api):
    token = api.admin.post(NEW_KEY, name="gone").json()["token_key"]
    headers = {"X-Request-Id": str(uuid.uuid4())}
    for _ in range(2):
        reply = api.admin.post("account/?op=delete_authorisation_token", headers, token_key=token)
        assert (reply.status, reply.body) == (204, b"")


def test_without_an_id_each_request_counts(api):
    for _ in range(2):
        assert api.admin.post(NEW_KEY, name="twice").status == 200
    assert keys_named(api, "twice") == 2


def test_id_of_another_request_is_refused(api):
    headers = {"X-Request-Id": str(uuid.uuid4())}
    assert api.admin.post(NEW_KEY, headers, name="mine").status == 200
    assert api.admin.post("maas/?op=set_config", headers, name="theme", value="x").status == 409
    other = api.user("thief")
    stolen = other.post(NEW_KEY, headers, name="mine")
    assert stolen.status == 409 and "token_key" not in stolen.text


def test_failed_request_may_be_repeated(api):
    headers = {"X-Request-Id": str(uuid.uuid4())}
    params = {"username": "later", "email": "l@x", "password": "p"}
    assert api.admin.post("users/", headers, **params).status == 400
    assert api.admin.post("users/", headers, **params, is_superuser="0").status == 200


def test_same_id_at_the_same_time(api):
    headers = {"X-Request-Id": str(uuid.uuid4())}
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda _: api.admin.post(NEW_KEY, headers, name="race"), range(8)))
    assert {reply.status for reply in replies} == {200}
    assert len({reply.body for reply in replies}) == 1
    assert keys_named(api, "race") == 1


def test_answer_to_commit_is_lost(api):
    """The backend dies inside COMMIT of the first try, after which the request runs again by itself."""
    api.sql("""CREATE TABLE tries (x int);
        CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN
            IF NEW.name = 'doomed' AND (SELECT count(*) FROM pg_stat_user_tables) >= 0
               AND nextval('tries_left') = 1 THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF;
            RETURN NULL; END$$;
        CREATE SEQUENCE tries_left;
        CREATE CONSTRAINT TRIGGER die AFTER INSERT ON api_token DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW EXECUTE FUNCTION die()""")
    try:
        reply = api.admin.post(NEW_KEY, name="doomed")
        assert reply.status == 200
        assert keys_named(api, "doomed") == 1
        assert int(api.sql("SELECT last_value FROM tries_left")) == 2
    finally:
        api.sql("DROP TRIGGER die ON api_token; DROP FUNCTION die; DROP TABLE tries; DROP SEQUENCE tries_left")


def test_killed_connections_are_not_seen(api):
    for _ in range(5):
        assert api.admin.get("users/?op=whoami").status == 200
        api.order("kill")
        began = time.monotonic()
        assert api.admin.get("users/?op=whoami").status == 200
        assert api.admin.post(NEW_KEY, name="survivor").status == 200
        assert time.monotonic() - began < 2


def test_requests_wait_for_a_primary(api):
    api.order("primary off")
    try:
        with concurrent.futures.ThreadPoolExecutor(20) as pool:
            waiting = [pool.submit(api.admin.get, "users/?op=whoami") for _ in range(20)]
            time.sleep(0.5)
            assert not any(one.done() for one in waiting)
            began = time.monotonic()  # what needs no database is not held up
            assert api.nobody.get("version/").status == 200
            assert api.nobody.get("describe/").status == 200
            assert time.monotonic() - began < 0.4
            api.order("primary on")
            assert {one.result().status for one in waiting} == {200}
    finally:
        api.order("primary on")


def test_no_primary_for_long(api):
    # api_program waits 3 s
    api.order("primary off")
    try:
        began = time.monotonic()
        reply = api.admin.get("users/?op=whoami")
        assert 2.5 < time.monotonic() - began < 5
        assert reply.status == 503
        assert int(reply.headers["Retry-After"]) > 0
        assert reply.headers["Content-Type"].startswith("text/plain")
    finally:
        api.order("primary on")


@pytest.mark.parametrize("path", ["users/?op=whoami", "users/nobody/"])
def test_nothing_is_told_that_a_superseded_primary_said(api, path):
    """Neither what it holds nor that it does not hold something: the same request is asked again."""
    api.order("superseded")
    try:
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(api.admin.get, path)
            time.sleep(0.5)
            assert not waiting.done()
            api.order("current")
            assert waiting.result().status == (200 if "whoami" in path else 404)
        api.order("superseded")
        assert api.admin.get(path).status == 503
        assert api.admin.post(NEW_KEY, name="acknowledged by the quorum").status == 200
    finally:
        api.order("current")


def test_eight_clients(api):
    """Reads and writes from 8 threads; half of them change the same setting."""
    stop = time.monotonic() + 3
    counts, wrong, lock = [0], [], threading.Lock()

    def work(index):
        while time.monotonic() < stop:
            if index % 2:
                reply = api.admin.get("users/?op=whoami")
            else:
                reply = api.admin.post("maas/?op=set_config", name="theme", value=str(index))
            with lock:
                counts[0] += 1
                if reply.status != 200:
                    wrong.append((reply.status, reply.text))
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert not wrong
    assert counts[0] > 50


@pytest.mark.parametrize("threads", ["1", "3"])
def test_stops_while_requests_wait(threads):
    program = Api(threads)
    program.order("primary off")
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        waiting = [pool.submit(program.admin.get, "users/?op=whoami") for _ in range(8)]
        time.sleep(0.3)
        began = time.monotonic()
        program.close()
        assert time.monotonic() - began < 3
        assert {one.result().status for one in waiting} == {503}
