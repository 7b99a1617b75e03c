"""Events: what is written, and the pages of the query."""
import re

from test_machines import make

KEYS = {"username", "node", "hostname", "id", "level", "created", "type", "description"}


def query(client, **params):
    reply = client.get("events/?op=query", **params)
    assert reply.status == 200, reply.text
    body = reply.json()
    assert set(body) == {"count", "events", "next_uri", "prev_uri"} and body["count"] == len(body["events"])
    return body


def test_form(api):
    made = make(api.admin)
    event = query(api.admin, id=made["system_id"])["events"][0]
    assert set(event) == KEYS
    assert (event["node"], event["hostname"], event["username"]) == (made["system_id"], made["hostname"], "admin")
    assert (event["level"], event["type"]) == ("INFO", "Node created")
    assert re.fullmatch(r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2}\. \d{4} \d\d:\d\d:\d\d", event["created"])


def test_pages(api):
    made = make(api.admin)
    for _ in range(6):
        api.admin.post(made["resource_uri"] + "?op=mark_broken", comment="a&b")
        api.admin.post(made["resource_uri"] + "?op=mark_fixed")
    everything = [event["id"] for event in query(api.admin, id=made["system_id"])["events"]]
    assert len(everything) == 25 and everything == sorted(everything, reverse=True)
    page, seen = query(api.admin, id=made["system_id"], limit=10), []
    while True:
        seen += [event["id"] for event in page["events"]]
        if not page["prev_uri"]:
            break
        page = api.admin.get(page["prev_uri"]).json()
    assert seen == everything
    newest = api.admin.get(query(api.admin, id=made["system_id"])["next_uri"]).json()
    assert newest["events"] == [] and newest["next_uri"].endswith(f"after={everything[0]}")
    behind = query(api.admin, id=made["system_id"], after=everything[-1], limit=3)
    assert [event["id"] for event in behind["events"]] == everything[-4:-1]


def test_levels_and_owners(api):
    made = make(api.admin)
    assert query(api.admin, id=made["system_id"], level="ERROR")["events"] == []
    api.admin.delete(made["resource_uri"])
    audit = query(api.admin, level="AUDIT")["events"]
    assert audit[0]["level"] == "AUDIT" and made["system_id"] in audit[0]["description"]
    assert query(api.admin, owner="nobody")["events"] == []
    assert query(api.admin, owner="admin")["count"] > 0


def test_bad_input(api):
    for params in ({"level": "LOUD"}, {"limit": "1001"}, {"limit": "0"}, {"before": "1", "after": "2"}, {"after": "-1"},
                   {"limit": "x"}, {"mac_address": "x"}):
        assert api.admin.get("events/?op=query", **params).status == 400, params


def test_plain_users_see_what_they_may(api):
    made = make(api.admin)
    api.sql(f"UPDATE node SET owner_id = (SELECT id FROM account WHERE username = 'admin') WHERE system_id = '{made['system_id']}'")
    plain = api.user("event-plain")
    assert query(plain, id=made["system_id"])["events"] == []
    assert all(event["node"] != made["system_id"] for event in query(plain, limit=1000)["events"])
