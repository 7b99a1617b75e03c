"""Notifications: for whom they are, what is checked, dismissing; and those that the cluster raises itself."""
import json

import pytest

KEYS = {"id", "ident", "user", "users", "admins", "message", "context", "category", "dismissable", "resource_uri"}


def raised(client):
    """Those for the client, by ident; without the cluster's own."""
    return {n["ident"] or n["id"]: n for n in client.get("notifications/").json()}


def note(api, **params):
    reply = api.admin.post("notifications/", **{"message": "hello", **params})
    assert reply.status == 200, reply.text
    return reply.json()


@pytest.fixture(scope="module")
def plain(api):
    return api.user("note-plain")


def test_form(api, plain):
    made = note(api, user="note-plain", message="{n} of {{all}} failed", context='{"n": 3}', category="error", ident="f-1")
    assert set(made) == KEYS
    assert made["user"] == api.admin.get("users/note-plain/").json()
    assert made == {**made, "ident": "f-1", "users": False, "admins": False, "message": "{n} of {{all}} failed", "context": {"n": 3},
                    "category": "error", "dismissable": True, "resource_uri": f"/MAAS/api/2.0/notifications/{made['id']}/"}
    assert plain.get(made["resource_uri"]).json() == made and made in plain.get("notifications/").json()
    bare = note(api)
    assert (bare["ident"], bare["user"], bare["context"], bare["category"]) == (None, None, {}, "info")
    number = api.sql("SELECT id FROM account WHERE username = 'note-plain'")
    assert note(api, user=number)["user"]["username"] == "note-plain"


def test_for_whom(api, plain):
    users, admins, mine = note(api, users="true"), note(api, admins="1"), note(api, user="admin")
    assert [n["id"] in {x["id"] for x in plain.get("notifications/").json()} for n in (users, admins, mine)] == [True, False, False]
    assert [n["id"] in {x["id"] for x in api.admin.get("notifications/").json()} for n in (users, admins, mine)] == [False, True, True]
    assert [plain.get(n["resource_uri"]).status for n in (users, admins, mine)] == [200, 403, 403]
    assert api.admin.get(users["resource_uri"]).status == 200
    assert api.nobody.get("notifications/").status == 401


def test_dismiss(api, plain):
    made, hers = note(api, users="true", admins="true"), note(api, admins="true")
    for _ in range(2):
        reply = plain.post(made["resource_uri"] + "?op=dismiss")
        assert (reply.status, reply.json()) == (200, None)
    assert made not in plain.get("notifications/").json() and made in api.admin.get("notifications/").json()
    assert plain.get(made["resource_uri"]).json() == made
    assert plain.post(hers["resource_uri"] + "?op=dismiss").status == 403
    fixed = note(api, users="true", dismissable="false")
    assert plain.post(fixed["resource_uri"] + "?op=dismiss").status == 400 and fixed in plain.get("notifications/").json()
    assert plain.post("notifications/999999/?op=dismiss").status == 404


def test_update_and_delete(api, plain):
    made = note(api, ident="u-1", users="true", message="{a}", context='{"a": 1}')
    changed = api.admin.put(made["resource_uri"], category="warning", context='{"a": 2}').json()
    assert changed == {**made, "category": "warning", "context": {"a": 2}}
    assert api.admin.put(made["resource_uri"], message="plain", ident="", user="note-plain").json()["ident"] is None
    assert api.admin.put(made["resource_uri"], user="").json()["user"] is None
    assert list(api.admin.put(made["resource_uri"], message="{b}").json()) == ["__all__"]
    for client, status in ((plain, 403), (api.admin, 204), (api.admin, 404)):
        assert client.delete(made["resource_uri"]).status == status
    assert plain.post("notifications/", message="x").status == 403
    assert plain.put(note(api, users="true")["resource_uri"], message="x").status == 403
    assert api.admin.put("notifications/x/", message="x").status == 404


@pytest.mark.parametrize("params,field", [
    ({"message": ""}, "message"), ({"context": "[1]"}, "context"), ({"context": "{"}, "context"), ({"category": "loud"}, "category"),
    ({"message": "{missing}"}, "__all__"), ({"message": "{"}, "__all__"), ({"ident": "x" * 41}, "ident"), ({"user": "nobody-at-all"}, "user"),
    ({"users": "maybe"}, "users"), ({"ident": "twice"}, "ident"),
])
def test_bad_input(api, params, field):
    if "twice" not in raised(api.admin):
        note(api, ident="twice", admins="true")
    before = api.sql("SELECT count(*) FROM notification")
    reply = api.admin.post("notifications/", **{"message": "m", **params})
    assert (reply.status, list(reply.json())) == (400, [field])
    assert api.sql("SELECT count(*) FROM notification") == before


def test_json_body_and_the_end_of_a_user(api):
    gone = api.user("note-gone")
    reply = api.admin.request("POST", "notifications/", json.dumps({"message": "{x}", "context": {"x": "y"}, "user": "note-gone"}),
                              {"Content-Type": "application/json"})
    assert reply.status == 200 and reply.json()["context"] == {"x": "y"}
    gone.post(reply.json()["resource_uri"] + "?op=dismiss")
    assert api.admin.delete("users/note-gone/").status == 204
    assert api.admin.get(reply.json()["resource_uri"]).status == 404


# What the cluster says itself

def own(api):
    """What it says now, by ident without the node's number."""
    rows = api.sql("SELECT json_agg(n) FROM notification n WHERE raised")
    return {row["ident"].rstrip("0123456789"): row for row in json.loads(rows or "null") or []}


def test_the_cluster_says_what_is_wrong(api, plain):
    api.order("look")
    said = {row["ident"]: row for row in api.admin.get("notifications/").json() if row["ident"] in ("images", "dhcp")}
    assert (said["images"]["category"], said["dhcp"]["category"]) == ("error", "warning")
    assert plain.get(said["images"]["resource_uri"]).status == 403
    api.order("look")
    assert api.admin.get(said["dhcp"]["resource_uri"]).json() == said["dhcp"]  # not written again
    api.admin.post(said["dhcp"]["resource_uri"] + "?op=dismiss")
    api.order("look")
    assert said["dhcp"] not in api.admin.get("notifications/").json()
    rack = api.sql("INSERT INTO node (system_id, hostname, node_type, domain_id, zone_id) VALUES ('rck777', 'rack-x', 2, 0, 1) RETURNING id")
    vlan = api.sql(f"INSERT INTO vlan (fabric_id, vid, dhcp_on, primary_rack_id) VALUES (0, 77, true, {rack}) RETURNING id")
    api.order("look")
    assert set(own(api)) == {"images"}  # its reason has gone, and with it the dismissal
    api.sql(f"DELETE FROM vlan WHERE id = {vlan}")
    api.order("look")
    assert "dhcp" in {row["ident"] for row in api.admin.get("notifications/").json()}


def test_a_rack_that_is_lost_for_a_while_is_dead(api):
    api.sql("INSERT INTO node (system_id, hostname, node_type, domain_id, zone_id) VALUES ('rck888', 'rack-y', 2, 0, 1)")
    api.order("look rck888:14")
    assert "rack-" not in own(api)
    api.order("look rck888:15")
    (row,) = [row for row in api.admin.get("notifications/").json() if (row["ident"] or "").startswith("rack-")]
    assert (row["category"], row["context"]) == ("error", {"hostname": "rack-y"}) and "{hostname}" in row["message"]
    api.order("look rck888:1")  # another leader, who has not waited as long
    assert api.admin.get(row["resource_uri"]).json() == row
    api.order("look")
    assert api.admin.get(row["resource_uri"]).status == 404


def test_a_subnet_that_is_nearly_full(api):
    subnet = api.sql("INSERT INTO subnet (name, cidr, vlan_id) VALUES ('full', '10.88.0.0/24', 5001) RETURNING id")
    api.sql(f"INSERT INTO ip_range (subnet_id, type, start_ip, end_ip) VALUES ({subnet}, 'dynamic', '10.88.0.1', '10.88.0.237')")
    api.order("look")
    assert "subnet-" not in own(api)
    api.sql(f"INSERT INTO ip_address (ip, alloc_type, subnet_id) VALUES ('10.88.0.240', 1, {subnet}), ('10.88.0.5', 1, {subnet})")
    assert api.admin.get(f"subnets/{subnet}/?op=statistics").json()["num_available"] == 16
    api.order("look")
    assert own(api)["subnet-"]["context"] == {"cidr": "10.88.0.0/24", "free": 16, "total": 254}
    api.admin.post("maas/?op=set_config", name="subnet_ip_exhaustion_threshold_count", value="15")
    api.order("look")
    assert "subnet-" not in own(api)
    api.admin.post("maas/?op=set_config", name="subnet_ip_exhaustion_threshold_count", value="16")
    api.sql(f"UPDATE subnet SET managed = false WHERE id = {subnet}")
    api.order("look")
    assert "subnet-" not in own(api)


def test_images_and_their_sources(api):
    api.sql("UPDATE boot_source SET problem = 'no <b>route</b>'; UPDATE image_import SET problem = 'no route'")
    api.order("look")
    assert own(api)["image-source-"]["context"]["problem"] == "no <b>route</b>" and "image-import" not in own(api)
    api.sql("""UPDATE boot_source SET problem = ''; INSERT INTO blob (sha256, size) VALUES (repeat('b', 64), 1);
        INSERT INTO blob_copy VALUES (repeat('b', 64), 'region1');
        WITH r AS (INSERT INTO boot_resource (os, release, arch, subarch) VALUES ('custom', 'n', 'amd64', 'generic') RETURNING id),
        s AS (INSERT INTO boot_resource_set (resource_id, version) SELECT id, '1' FROM r RETURNING id)
        INSERT INTO boot_resource_file (set_id, filename, filetype, sha256, size) SELECT id, 'f', 'root-tgz', repeat('b', 64), 1 FROM s""")
    api.order("look")
    assert {"images", "image-source-"} & set(own(api)) == set() and "image-import" in own(api)


def test_a_name_that_an_administrator_took_stays_hers(api):
    api.sql("DELETE FROM notification; UPDATE image_import SET problem = ''")
    mine = note(api, ident="dhcp", admins="true")
    api.order("look")
    assert api.admin.get(mine["resource_uri"]).json() == mine and own(api) == {}
