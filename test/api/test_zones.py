"""Zones, resource pools and spaces."""
import pytest

KINDS = {"zones": ("zones/", lambda thing: f"zones/{thing['name'].replace(' ', '%20')}/", "Zone"),
         "pools": ("resourcepools/", lambda thing: f"resourcepool/{thing['id']}/", "ResourcePool"),
         "spaces": ("spaces/", lambda thing: f"spaces/{thing['id']}/", "Space")}


@pytest.fixture(params=KINDS)
def kind(request):
    return KINDS[request.param]


def test_defaults(api):
    assert api.admin.get("zones/").json() == [
        {"id": 1, "name": "default", "description": "", "resource_uri": "/MAAS/api/2.0/zones/default/"}]
    assert api.admin.get("resourcepools/").json() == [
        {"id": 0, "name": "default", "description": "Default pool", "resource_uri": "/MAAS/api/2.0/resourcepool/0/"}]


def test_life(api, kind):
    many, path, model = kind
    made = api.admin.post(many, name="r 1-a", description="first")
    assert made.status == 200, made.text
    thing = made.json()
    assert (thing["name"], thing["description"]) == ("r 1-a", "first")
    assert thing["resource_uri"] == "/MAAS/api/2.0/" + path(thing)
    assert thing in api.admin.get(many).json()
    assert api.admin.get(thing["resource_uri"]).json() == thing
    changed = api.admin.put(path(thing), description="other").json()
    assert changed == {**thing, "description": "other"}
    changed = api.admin.put(path(thing), name="renamed").json()
    assert changed["name"] == "renamed"
    assert api.admin.delete(path(changed)).status == 204
    assert api.admin.get(path(changed)).status == 404
    assert api.admin.get(path(changed)).text == f"No {model} matches the given query."


@pytest.mark.parametrize("name,text", [
    ("", "This field is required."), ("a/b", "Enter a valid value."), (" ", "This field is required."),
    ("-x", "Enter a valid value."), ("ü", "Enter a valid value."),
    ("x" * 257, "Ensure this value has at most 256 characters (it has 257).")])
def test_refused_names(api, kind, name, text):
    reply = api.admin.post(kind[0], name=name)
    assert (reply.status, reply.json()) == (400, {"name": [text]})


def test_twice(api, kind):
    many, path, model = kind
    first = api.admin.post(many, name="twin").json()
    reply = api.admin.post(many, name="twin")
    assert (reply.status, reply.json()) == (400, {"name": [f"{model} with this Name already exists."]})
    other = api.admin.post(many, name="other").json()
    reply = api.admin.put(path(other), name="twin")
    assert (reply.status, reply.json()) == (400, {"name": [f"{model} with this Name already exists."]})
    assert api.admin.get(path(other)).json() == other
    for thing in (first, other):
        assert api.admin.delete(path(thing)).status == 204


def test_rights(api, kind):
    plain = api.user("plain-" + kind[2].lower())
    assert plain.get(kind[0]).status == 200
    assert api.nobody.get(kind[0]).status == 401
    assert plain.post(kind[0], name="mine").status == 403


def test_defaults_stay(api):
    for path, what in (("zones/default/", "zone"), ("resourcepool/0/", "pool"), ("resourcepool/default/", "pool")):
        assert api.admin.delete(path).text == f"This {'zone' if what == 'zone' else 'is the default pool'}" + (
            " is the default zone, it cannot be deleted." if what == "zone" else ", it cannot be deleted.")
        assert api.admin.put(path, name="x").status == 400
        assert api.admin.put(path, description="fine").status == 200
    assert api.admin.delete("zones/nowhere/").status == 204
    assert api.admin.delete("resourcepool/99/").status == 404


def test_machines_of_a_zone_and_a_pool(api):
    zone, pool = api.admin.post("zones/", name="z9").json(), api.admin.post("resourcepools/", name="p9").json()
    api.sql("INSERT INTO node (system_id, hostname, domain_id, zone_id, pool_id) "
            f"VALUES ('abc123', 'some', 0, {zone['id']}, {pool['id']})")
    reply = api.admin.delete(f"resourcepool/{pool['id']}/")
    assert (reply.status, reply.text) == (400, "This pool has machines in it, it cannot be deleted.")
    assert api.admin.delete("zones/z9/").status == 204
    assert api.sql("SELECT zone_id FROM node WHERE system_id = 'abc123'") == "1"


def test_undefined_space(api):
    spaces = {space["name"]: space for space in api.admin.get("spaces/").json()}
    undefined = spaces["undefined"]
    assert undefined["id"] == -1 and undefined["resource_uri"] == "/MAAS/api/2.0/spaces/undefined/"
    assert [vlan["id"] for vlan in undefined["vlans"]] == [5001]
    assert api.admin.get("spaces/undefined/").json() == undefined
    assert api.admin.delete("spaces/undefined/").status == 400
    assert api.admin.put("spaces/undefined/", description="x").status == 400
    assert api.admin.post("spaces/", name="undefined").json() == {"name": ["Reserved name."]}


def test_domains_can_be_read(api):
    plain = api.user("domain-plain")
    one = {"id": 0, "name": "maas", "ttl": None, "authoritative": True, "is_default": True, "resource_record_count": 0,
           "resource_uri": "/MAAS/api/2.0/domains/0/"}
    assert plain.get("domains/").json() == [one]
    assert plain.get("domains/0/").json() == plain.get("domains/maas/").json() == one
    assert plain.get("domains/none/").status == 404 and api.nobody.get("domains/").status == 401


def test_pools_where_juju_looks(api):
    plain = api.user("pools-plain")
    assert plain.get("pools/").json() == plain.get("resourcepools/").json()
    assert api.nobody.get("pools/").status == 401 and plain.get("pools/0/").status == 404


def test_an_op_that_says_nothing(api):
    """gomaasapi sends `op=` with what has no operation."""
    assert api.admin.post("zones/?op=", name="no-op").status == 200
    assert api.admin.post("zones/", name="no-op-either", op="").status == 200
    assert api.admin.get("zones/?op=").status == 200
