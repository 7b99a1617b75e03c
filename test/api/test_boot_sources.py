"""Sources of images, what is selected from them, and the import of it from a signed mirror."""
import base64
import hashlib
import os

import pytest

from mirror import Key, Mirror

KERNEL, INITRD, ROOT, ROOT_2 = (os.urandom(size) for size in (50000, 20000, 3000000, 300000))
PLAIN = os.urandom(70000)


@pytest.fixture(scope="module", name="key")
def make_key(tmp_path_factory):
    key = Key(tmp_path_factory.mktemp("gpg") / "home")
    yield key
    key.close()


@pytest.fixture(scope="module", name="mirror")
def make_mirror(tmp_path_factory, key):
    mirror = Mirror(tmp_path_factory.mktemp("mirror"), key)
    boot = {"boot-kernel": KERNEL, "boot-initrd": INITRD, "squashfs": ROOT}
    for kernel in ("ga-24.04", "hwe-24.04"):
        mirror.add(f"com.example:v3:boot:24.04:amd64:{kernel}", "20260101", boot, os="ubuntu", release="noble", arch="amd64",
                   subarch=kernel, subarches=f"generic,{kernel}", kflavor="generic", label="stable", release_title="24.04 LTS")
    mirror.add("com.example:v3:boot:22.04:arm64:ga-22.04", "20260101", boot, os="ubuntu", release="jammy", arch="arm64",
               subarch="ga-22.04", label="stable")
    mirror.add("com.example:debian:12:amd64", "1", {"root": ("root-tgz", PLAIN)}, os="debian", release="bookworm", arch="amd64",
               gantry_agent=True)
    mirror.publish()
    yield mirror
    mirror.close()


@pytest.fixture(scope="module", name="source")
def make_source(api, mirror, key):
    reply = api.admin.cli("boot-sources/", ("url", mirror.url), ("keyring_data", key.keyring))
    assert reply.status == 201, reply.text
    return reply.json()


def select(api, source, **values):
    return api.admin.post(f"boot-sources/{source['id']}/selections/", **values)


def test_the_public_one_is_there(api):
    first = api.admin.get("boot-sources/").json()[0]
    assert first["url"] == "http://images.maas.io/ephemeral-v3/stable/"
    assert first["keyring_filename"] == "/usr/share/keyrings/ubuntu-cloudimage-keyring.gpg"
    assert first["keyring_data"] == "" and first["resource_uri"] == f"/MAAS/api/2.0/boot-sources/{first['id']}/"
    assert api.admin.get(f"boot-sources/{first['id']}/selections/").json() == []


def test_source(api, source, key):
    assert base64.b64decode(source["keyring_data"]) == key.keyring and source["keyring_filename"] == ""
    path = source["resource_uri"]
    assert api.admin.get(path).json() == source
    assert api.admin.get("boot-sources/99/").status == 404
    assert api.admin.get("boot-sources/x/").status == 404
    again = api.admin.post("boot-sources/", url=source["url"], keyring_filename="/k")
    assert (again.status, again.json()) == (400, {"url": ["Boot source with this Url already exists."]})


@pytest.mark.parametrize("values,field", [
    ({"url": "http://x/"}, "__all__"), ({"keyring_filename": "/k"}, "url"), ({"url": "ftp://x", "keyring_filename": "/k"}, "url"),
    ({"url": "http://x/", "keyring_filename": "k"}, "keyring_filename"), ({"url": "http://x/", "keyring_data": "???"}, "keyring_data"),
    ({"url": "http://x/", "keyring_data": "eA==", "keyring_filename": "/k"}, "__all__"), ({"url": "http://", "keyring_filename": "/k"}, "url"),
])
def test_bad_source(api, values, field):
    reply = api.admin.post("boot-sources/", **values)
    assert reply.status == 400 and field in reply.json()


def test_change_and_delete(api):
    made = api.admin.post("boot-sources/", url="http://other/", keyring_filename="/k").json()
    path = made["resource_uri"]
    changed = api.admin.put(path, keyring_data="eA==").json()
    assert (changed["url"], changed["keyring_filename"], changed["keyring_data"]) == ("http://other/", "", "eA==")
    assert api.admin.put(path, keyring_filename="/k2").json()["keyring_data"] == ""
    assert api.admin.put(path, keyring_filename="").status == 400
    assert api.admin.put("boot-sources/99/", url="http://y/").status == 404
    assert (api.admin.delete(path).status, api.admin.delete(path).status) == (204, 404)


def test_users_may_not(api):
    user = api.user("plain")
    for call in (user.get("boot-sources/"), user.post("boot-sources/", url="x"), user.post("boot-resources/?op=import"),
                 user.post("boot-resources/", name="x")):
        assert call.status == 403
    assert user.get("boot-resources/").status == 200
    assert api.nobody.get("boot-resources/").status == 401


def test_a_source_that_does_not_answer(api):
    made = api.admin.post("boot-sources/", url="http://127.0.0.1:1/", keyring_filename="/k").json()
    reply = select(api, made, os="ubuntu", release="noble")
    assert reply.status == 503 and "127.0.0.1:1/streams/v1/index.sjson" in reply.text
    api.admin.delete(made["resource_uri"])


def test_a_signature_of_somebody_else(api, tmp_path, mirror):
    other = Key(tmp_path / "home")
    made = api.admin.cli("boot-sources/", ("url", mirror.url + "."), ("keyring_data", other.armoured)).json()
    api.sql(f"UPDATE boot_source SET url = '{mirror.url[:-1]}' WHERE id = {made['id']}")
    reply = select(api, made, os="ubuntu", release="noble")
    assert reply.status == 503 and "signature" in reply.text, reply.text
    api.sql(f"DELETE FROM boot_source WHERE id = {made['id']}")
    other.close()


def test_selection(api, source):
    bad = select(api, source, os="ubuntu", release="warty")
    assert bad.json() == {"os": ["OS ubuntu with release warty has no available images for download"]}
    assert select(api, source, os="ubuntu", release="noble", arches="riscv64").json() == {
        "arches": ["No available images to download for riscv64"]}
    assert list(select(api, source, release="noble").json()) == ["os"]
    made = select(api, source, os="ubuntu", release="noble", arches=["amd64"], subarches="hwe-24.04")
    assert made.status == 200, made.text
    row = made.json()
    assert row == {"id": row["id"], "boot_source_id": source["id"], "os": "ubuntu", "release": "noble", "arches": ["amd64"],
                   "subarches": ["hwe-24.04"], "labels": ["*"], "resource_uri": f"{source['resource_uri']}selections/{row['id']}/"}
    assert select(api, source, os="ubuntu", release="noble").status == 400
    assert api.admin.put(row["resource_uri"], labels="candidate").status == 400
    assert api.admin.put(row["resource_uri"], arches="arm64").status == 400
    changed = api.admin.put(row["resource_uri"], subarches="*", labels="stable,*").json()
    assert (changed["subarches"], changed["labels"], changed["release"]) == (["*"], ["stable", "*"], "noble")
    assert api.admin.get(f"{source['resource_uri']}selections/").json() == [changed]
    assert select(api, {"id": 99}, os="ubuntu", release="noble").status == 404
    assert api.admin.put(f"{source['resource_uri']}selections/99/", os="x").status == 404


def resources(api, **params):
    return {(r["name"], r["architecture"]): r for r in api.admin.get("boot-resources/", **params).json()}


def digest(body):
    return hashlib.sha256(body).hexdigest()


def test_import(api, source, mirror):
    """What is selected comes, each content once; a transfer that breaks off goes on where it was."""
    assert api.admin.get("boot-resources/?op=is_importing").json() is False
    assert select(api, source, os="debian", release="bookworm").status == 200
    reply = api.admin.post("boot-resources/?op=import")
    assert (reply.status, reply.text) == (200, "Import of boot resources started")
    assert api.admin.get("boot-resources/?op=is_importing").json() is True
    mirror.requests.clear()
    mirror.cut_after = 10000
    api.order("import")
    assert api.admin.get("boot-resources/?op=is_importing").json() is False
    found = resources(api)
    assert sorted(found) == [("debian/bookworm", "amd64/generic"), ("ubuntu/noble", "amd64/ga-24.04"),
                             ("ubuntu/noble", "amd64/hwe-24.04")]
    assert len(mirror.fetched()) == 5, mirror.requests  # four contents, one of them in two parts
    assert any(range and not path.startswith("streams/") for path, range in mirror.requests)
    for body in (KERNEL, INITRD, ROOT, PLAIN):
        assert (api.blobs / digest(body)).read_bytes() == body
        assert api.nobody.request("GET", "/blobs/" + digest(body)).body == body
    noble = api.admin.get(found["ubuntu/noble", "amd64/hwe-24.04"]["resource_uri"]).json()
    assert (noble["type"], noble["title"], noble["subarches"]) == ("Synced", "24.04 LTS", "generic,hwe-24.04")
    version = noble["sets"]["20260101"]
    assert version["complete"] is True and version["size"] == len(KERNEL) + len(INITRD) + len(ROOT)
    assert version["files"]["squashfs"]["sha256"] == digest(ROOT) and version["files"]["squashfs"]["complete"] is True
    assert "sets" not in found["ubuntu/noble", "amd64/hwe-24.04"]
    events = [event["description"] for event in api.admin.get("events/?op=query").json()["events"]]
    assert "Import of images done, 4 new files" in events[0]


def test_import_again(api, mirror):
    """What is there is not fetched again; a new version takes the place of the old once it is whole."""
    mirror.requests.clear()
    api.order("import")
    assert mirror.fetched() == []
    name = "com.example:v3:boot:24.04:amd64:hwe-24.04"
    mirror.add(name, "20260201", {"boot-kernel": KERNEL, "boot-initrd": INITRD, "squashfs": ROOT_2})
    mirror.publish()
    mirror.refuse = r"20260201/squashfs$"
    api.order("import")
    path = resources(api)["ubuntu/noble", "amd64/hwe-24.04"]["resource_uri"]
    sets = api.admin.get(path).json()["sets"]
    assert list(sets) == ["20260201", "20260101"]
    assert sets["20260201"]["complete"] is False and sets["20260201"]["files"]["boot-kernel"]["complete"] is True
    assert "404" in api.sql("SELECT problem FROM image_import")
    mirror.refuse = None
    api.order("import")
    assert list(api.admin.get(path).json()["sets"]) == ["20260201"]
    assert api.sql("SELECT problem FROM image_import") == ""


def test_what_lies_is_not_kept(api, mirror):
    """Bytes with another SHA-256 than the signed list says are thrown away."""
    name = "com.example:debian:12:amd64"
    mirror.add(name, "2", {"root": ("root-tgz", b"good")})
    mirror.publish()
    path = mirror.folder / "com.example/debian/12/amd64/2/root"
    path.write_bytes(b"evil")
    api.order("import")
    assert "SHA-256" in api.sql("SELECT problem FROM image_import")
    assert not (api.blobs / digest(b"good")).exists() and not (api.blobs / digest(b"evil")).exists()
    assert not list(api.blobs.glob(digest(b"good") + "*"))
    path.write_bytes(b"good")
    api.order("import")
    assert (api.blobs / digest(b"good")).read_bytes() == b"good"


def test_a_list_that_was_tampered_with(api, mirror):
    index = mirror.folder / "streams/v1/images.sjson"
    before = resources(api)
    index.write_bytes(index.read_bytes().replace(b"bookworm", b"bookwurm"))
    api.order("import")
    assert "signature" in api.sql("SELECT problem FROM image_import")
    assert resources(api) == before  # a source that cannot be read loses nothing
    mirror.publish()


def test_deselected(api, source):
    noble = next(row for row in api.admin.get(f"{source['resource_uri']}selections/").json() if row["release"] == "noble")
    assert api.admin.delete(noble["resource_uri"]).status == 204
    assert api.admin.delete(noble["resource_uri"]).status == 404
    api.order("import")
    assert sorted(resources(api)) == [("debian/bookworm", "amd64/generic")]


def test_stop(api):
    api.admin.post("boot-resources/?op=import")
    assert api.admin.post("boot-resources/?op=stop_import").status == 200
    assert api.admin.get("boot-resources/?op=is_importing").json() is False


def test_source_goes_with_its_images(api, source):
    assert api.admin.delete(source["resource_uri"]).status == 204
    assert resources(api) == {}
