"""Uploads of images: whole, in parts, and what is refused."""
import hashlib
import os

import pytest

BODY = os.urandom(9 << 20)  # more than two pieces
SHA = hashlib.sha256(BODY).hexdigest()


def put(api, uri, body):
    return api.admin.request("PUT", uri, body, {"Content-Type": "application/octet-stream"})


def announce(api, **values):
    given = {"name": "custom-debian", "architecture": "amd64/generic", "sha256": SHA, "size": len(BODY), "filetype": "ddgz",
             "title": "Mine", **values}
    return api.admin.post("boot-resources/", **{key: value for key, value in given.items() if value is not None})


def file_of(resource):
    version = max(resource["sets"])
    return next(iter(resource["sets"][version]["files"].values()))


def test_in_parts(api):
    reply = announce(api)
    assert reply.status == 201, reply.text
    resource = reply.json()
    assert (resource["type"], resource["name"], resource["architecture"], resource["title"]) == (
        "Uploaded", "custom-debian", "amd64/generic", "Mine")
    file = file_of(resource)
    assert (file["filetype"], file["complete"], file["progress"]) == ("root-dd.gz", False, 0)
    first = 5 << 20
    assert put(api, file["upload_uri"], BODY[:first]).text == "OK"
    half = api.admin.get(resource["resource_uri"]).json()
    assert 55 < file_of(half)["progress"] < 56 and 55 < next(iter(half["sets"].values()))["progress"] < 56
    too_much = put(api, file["upload_uri"], BODY[first:] + b"x")
    assert (too_much.status, too_much.text) == (400, "Too much data received.")
    assert put(api, file["upload_uri"], b"").status == 400
    assert put(api, file["upload_uri"], BODY[first:]).text == "OK"
    done = api.admin.get(resource["resource_uri"]).json()
    assert file_of(done)["complete"] is True and "upload_uri" not in file_of(done) and "progress" not in file_of(done)
    assert (api.blobs / SHA).read_bytes() == BODY
    assert api.sql("SELECT count(*) FROM boot_upload_chunk") == "0"
    assert put(api, file["upload_uri"], b"x").text == "Cannot upload to a complete file."
    assert [row["name"] for row in api.admin.get("boot-resources/", type="uploaded").json()] == ["custom-debian"]
    assert api.admin.get("boot-resources/", type="synced").json() == []
    assert api.admin.get("boot-resources/", type="other").status == 400


def test_bytes_that_are_known_need_not_come(api):
    resource = announce(api, name="ubuntu/mine", filetype="squashfs").json()
    assert resource["name"] == "ubuntu/mine" and file_of(resource)["complete"] is True


def test_another_sha256(api):
    resource = announce(api, name="wrong", sha256="0" * 64, size=3).json()
    uri = file_of(resource)["upload_uri"]
    reply = put(api, uri, b"abc")
    assert (reply.status, reply.text) == (400, "Saved content does not match given SHA256 value.")
    assert file_of(api.admin.get(resource["resource_uri"]).json())["progress"] == 0
    assert not list(api.blobs.glob("new.*"))
    assert put(api, uri, b"abc").status == 400  # from the start again
    assert put(api, "/MAAS/api/2.0/boot-resources/999/upload/" + uri.rstrip("/").rsplit("/", 1)[1] + "/", b"a").status == 404
    assert api.admin.delete(resource["resource_uri"]).status == 204
    assert put(api, uri, b"abc").status == 404


def test_at_once_and_anew(api):
    """A second upload of the name is a new version of it."""
    for body, version_count in ((b"first", 1), (b"second", 2)):
        reply = api.admin.cli("boot-resources/", ("name", "custom/small"), ("architecture", "arm64"), ("content", body))
        assert reply.status == 201, reply.text
        resource = reply.json()
        assert (resource["name"], resource["architecture"]) == ("small", "arm64/generic")
        assert len(resource["sets"]) == version_count
        assert file_of(resource)["filetype"] == "root-tgz" and file_of(resource)["complete"] is True
        assert (api.blobs / hashlib.sha256(body).hexdigest()).read_bytes() == body


def test_a_version_after_the_oldest_is_gone(api):
    """The version before the newest one is removed once that is whole: its number is not counted any more."""
    for body, suffix in ((b"one", ""), (b"two", ".1"), (b"three", ".2")):
        reply = api.admin.cli("boot-resources/", ("name", "thrice"), ("architecture", "amd64"), ("filetype", "tgz"), ("content", body))
        assert reply.status == 201, reply.text
        newest = max(reply.json()["sets"])
        assert newest[8:] == suffix
        api.sql("DELETE FROM boot_resource_set s USING boot_resource r "
                f"WHERE r.id = s.resource_id AND r.release = 'thrice' AND version <> '{newest}'")
    api.admin.delete(reply.json()["resource_uri"])


@pytest.mark.parametrize("values,field", [
    ({"name": None}, "name"), ({"name": "a b"}, "name"), ({"name": "a/b/c"}, "name"), ({"architecture": None}, "architecture"),
    ({"architecture": "amd64/../x"}, "architecture"), ({"filetype": "iso"}, "filetype"), ({"sha256": "00"}, "sha256"),
    ({"sha256": None}, "sha256"), ({"size": None}, "size"), ({"size": "0"}, "size"), ({"size": "-4"}, "size"), ({"size": "many"}, "size"),
])
def test_refused(api, values, field):
    reply = announce(api, **values)
    assert reply.status == 400 and list(reply.json()) == [field], reply.text


def test_nothing_there(api):
    assert api.admin.get("boot-resources/999/").status == 404
    assert api.admin.delete("boot-resources/999/").status == 404
    assert api.admin.get("boot-resources/x/").status == 404
