"""Archives of packages: the two default ones and their settings, what may stand in one, who may say so."""
import pytest

from conftest import ROOT

KEY = (ROOT / "test/fuzz/corpus/openpgp_armor/key").read_text()
MAIN = {"id": 1, "name": "main_archive", "url": "http://archive.ubuntu.com/ubuntu", "distributions": [], "disabled_pockets": [],
        "disabled_components": [], "disable_sources": True, "components": [], "arches": ["amd64", "i386"], "key": "", "enabled": True,
        "resource_uri": "/MAAS/api/2.0/package-repositories/1/"}
PATH = "package-repositories/"


@pytest.fixture(name="plain", scope="module")
def make_plain(api):
    return api.user("repo-plain")


@pytest.fixture(autouse=True)
def forget(api):
    yield
    api.sql("DELETE FROM package_repository WHERE url IS NOT NULL; DELETE FROM setting WHERE name LIKE '%_archive';"
            "UPDATE package_repository SET key = '', disabled_pockets = '{}', disabled_components = '{}', disable_sources = true")


def make(api, name="mine", url="http://mine.example.com/debian", **params):
    reply = api.admin.post(PATH, name=name, url=url, **params)
    assert reply.status == 200, reply.text
    return reply.json()


def test_the_default_ones(api, plain):
    ports = {**MAIN, "id": 2, "name": "ports_archive", "url": "http://ports.ubuntu.com/ubuntu-ports",
             "arches": ["armhf", "arm64", "ppc64el", "s390x"], "resource_uri": "/MAAS/api/2.0/package-repositories/2/"}
    assert plain.get(PATH).json() == [MAIN, ports]
    assert plain.get(PATH + "1/").json() == plain.get(PATH + "main_archive/").json() == MAIN
    assert plain.get(PATH + "ports_archive/").json() == ports
    for client, path, status in ((plain, "3/", 404), (plain, "x/", 404), (api.nobody, "", 401)):
        assert client.get(PATH + path).status == status


def test_their_urls_are_settings(api):
    def setting():
        return api.admin.get("maas/?op=get_config", name="main_archive").json()

    assert api.admin.post("maas/?op=set_config", name="main_archive", value="http://mirror/ubuntu").status == 200
    assert api.admin.get(PATH + "1/").json() == {**MAIN, "url": "http://mirror/ubuntu"}
    assert api.admin.put(PATH + "main_archive/", url="https://other:8443/ubuntu").json()["url"] == "https://other:8443/ubuntu"
    assert setting() == "https://other:8443/ubuntu"
    assert api.admin.put(PATH + "1/", disabled_pockets="security, backports", disabled_components=["universe", "multiverse"], key=KEY,
                         disable_sources="no").json() == {
        **MAIN, "url": "https://other:8443/ubuntu", "disabled_pockets": ["security", "backports"],
        "disabled_components": ["universe", "multiverse"], "key": KEY, "disable_sources": False}
    assert setting() == "https://other:8443/ubuntu"
    assert api.admin.get("maas/?op=get_config", name="ports_archive").json() == "http://ports.ubuntu.com/ubuntu-ports"


@pytest.mark.parametrize("params,field", [
    ({"name": "other"}, "name"), ({"enabled": "false"}, "enabled"), ({"distributions": "noble"}, "distributions"),
    ({"components": "main"}, "components"), ({"url": "ppa:a/b"}, "url"), ({"url": ""}, "url"), ({"disabled_components": "main"}, "disabled_components"),
    ({"disabled_pockets": "main"}, "disabled_pockets")])
def test_what_they_keep(api, params, field):
    reply = api.admin.put(PATH + "1/", **params)
    assert reply.status == 400 and list(reply.json()) == [field]
    assert api.admin.get(PATH + "1/").json() == MAIN


def test_they_stay(api):
    for path in ("1/", "ports_archive/"):
        reply = api.admin.delete(PATH + path)
        assert (reply.status, reply.text) == (400, "Default repositories may not be deleted.")
    assert len(api.admin.get(PATH).json()) == 2


def test_one_of_their_own(api, plain):
    made = make(api, "My repo", distributions=["noble", "stable/"], components="a,b", arches="arm64", disabled_pockets="updates",
                key="\r\n" + KEY.replace("\n", "\r\n"), disable_sources="0", enabled="off")
    assert made == {"id": made["id"], "name": "My repo", "url": "http://mine.example.com/debian", "distributions": ["noble", "stable/"],
                    "disabled_pockets": ["updates"], "disabled_components": [], "disable_sources": False, "components": ["a", "b"],
                    "arches": ["arm64"], "key": KEY, "enabled": False, "resource_uri": f"/MAAS/api/2.0/package-repositories/{made['id']}/"}
    assert plain.get(made["resource_uri"]).json() == plain.get(PATH + "My%20repo/").json() == made
    changed = api.admin.put(made["resource_uri"], url="ppa:a/b", enabled="1", components="", key="", arches="").json()
    assert changed == {**made, "url": "ppa:a/b", "enabled": True, "components": [], "key": "", "arches": ["amd64", "i386"]}
    assert api.admin.put(PATH + "My%20repo/", name="renamed").json()["name"] == "renamed"
    for client, status in ((plain, 403), (api.admin, 204), (api.admin, 404)):
        assert client.delete(PATH + "renamed/").status == status
    assert plain.post(PATH, name="a", url="http://a/").status == 403
    assert plain.put(PATH + "1/", url="http://a/").status == 403
    events = api.admin.get("events/?op=query", level="AUDIT").json()["events"]
    said = [event["description"] for event in events if "package repository" in event["description"]][:4]
    assert said[0] == "Deleted package repository 'renamed'." and said[-1] == "Created package repository 'My repo'."


def test_as_the_cli_sends_it(api):
    """Every part in base64; the key out of a file."""
    reply = api.admin.cli(PATH, ("name", "cli"), ("url", "http://cli.example.com/"), ("key", KEY.encode()))
    assert reply.status == 200, reply.text
    assert (reply.json()["key"], reply.json()["arches"]) == (KEY, ["amd64", "i386"])
    changed = api.admin.cli(PATH + "cli/", ("distributions", "noble"), method="PUT").json()
    assert changed == {**reply.json(), "distributions": ["noble"]}


@pytest.mark.parametrize("params,field", [
    ({"name": ""}, "name"), ({"name": "x" * 42}, "name"), ({"name": "a\nb"}, "name"), ({"name": "a: {b}"}, "name"), ({"name": "main_archive"}, "name"),
    ({"name": "twice"}, "name"), ({"url": ""}, "url"), ({"url": "ftp://a/"}, "url"), ({"url": "http://a/ main\ndeb http://b/"}, "url"),
    ({"url": "http://a/[trusted=yes]"}, "url"), ({"url": "[trusted=yes] http://a/"}, "url"), ({"url": "http://a/$RELEASE"}, "url"),
    ({"url": "ppa:a"}, "url"), ({"url": "http://a/" + "x" * 1000}, "url"), ({"distributions": "noble [x]"}, "distributions"),
    ({"distributions": "../x"}, "distributions"), ({"distributions": ["a"] * 33}, "distributions"), ({"distributions": "a\x0bb"}, "distributions"),
    ({"components": "-o"}, "components"), ({"components": "\u00e4"}, "components"), ({"arches": "vax"}, "arches"),
    ({"disabled_pockets": "proposed"}, "disabled_pockets"), ({"disabled_components": "universe"}, "disabled_components"),
    ({"enabled": "maybe"}, "enabled"), ({"key": "0x1234ABCD"}, "key"), ({"key": KEY + "runcmd: [reboot]\n"}, "key"),
    ({"key": KEY.replace("e06N", "e06M")}, "key"), pytest.param({"key": KEY * 30}, "key", id="long key")])
def test_bad_input(api, params, field):
    make(api, "twice")
    before = api.admin.get(PATH).json()
    reply = api.admin.post(PATH, **{"name": "new", "url": "http://a/", **params})
    assert reply.status == 400 and list(reply.json()) == [field], reply.text
    assert api.admin.get(PATH).json() == before


@pytest.mark.parametrize("value", ["http://a/[x]", "http://a/$RELEASE", "http://a/#x", "http://me@/", "ppa:a/b"])
def test_bad_settings(api, value):
    reply = api.admin.post("maas/?op=set_config", name="ports_archive", value=value)
    assert reply.status == 400 and list(reply.json()) == ["ports_archive"]


def test_one_name_once(api):
    make(api)
    other = make(api, "other")
    reply = api.admin.put(other["resource_uri"], name="mine")
    assert reply.json() == {"name": ["Package repository with this Name already exists."]}


def test_how_many(api):
    for n in range(30):
        make(api, f"n{n}")
    reply = api.admin.post(PATH, name="more", url="http://a/")
    assert reply.status == 400 and "which is the most" in reply.json()["__all__"][0]
    assert len(api.admin.get(PATH).json()) == 32
    assert api.admin.delete(PATH + "n0/").status == 204
    assert make(api, "more", enabled="false")


def test_how_much(api):
    """What a machine is told has its limit, whatever each of them is."""
    words = ["w" * 90 + f"{n:02}" for n in range(32)]
    one = make(api, "a", distributions=words, url="http://a/" + "x" * 900)
    reply = api.admin.post(PATH, name="b", url="http://a/" + "x" * 900, distributions=words)
    assert reply.status == 400 and "longer than 48 KiB" in reply.json()["__all__"][0]
    assert api.admin.put(one["resource_uri"], enabled="false").status == 200
    assert make(api, "b", distributions=words)["distributions"] == words
