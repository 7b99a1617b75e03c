"""Files that users keep with the region, as the clients of MAAS store and find them."""
import base64

import pytest


def put(client, name, content):
    return client.cli("files/", ("filename", name), ("file", content))


def test_kept_found_and_deleted(api):
    alice = api.user("files-alice")
    assert alice.get("files/").json() == []
    kept = put(alice, "state a/b", b"\0one\xff")
    assert (kept.status, kept.body) == (201, b"")
    assert put(alice, "other", b"").status == 201
    other, state = alice.get("files/").json()
    assert set(state) == {"filename", "anon_resource_uri", "resource_uri"}
    assert (state["filename"], state["resource_uri"], other["filename"]) == ("state a/b", "/MAAS/api/2.0/files/state%20a%2Fb/", "other")
    assert [one["filename"] for one in alice.get("files/", prefix="sta").json()] == ["state a/b"]
    assert alice.get("files/", prefix="%").json() == []
    whole = alice.get(state["resource_uri"]).json()
    assert alice.get("files/state%20a/b/").json() == whole  # as MAAS's CLI writes it
    assert whole == {**state, "content": base64.b64encode(b"\0one\xff").decode()}
    found = alice.get("files/?op=get", filename="state a/b")
    assert (found.body, found.headers["Content-Type"]) == (b"\0one\xff", "application/octet-stream")
    assert api.nobody.get(state["anon_resource_uri"]).body == b"\0one\xff"
    assert put(alice, "state a/b", b"two").status == 201
    assert api.nobody.get(state["anon_resource_uri"]).body == b"two"  # the same file, by the same key
    assert alice.delete("files/?filename=other").status == 204
    assert alice.delete(state["resource_uri"]).status == 204
    assert alice.get("files/").json() == [] and api.nobody.get(state["anon_resource_uri"]).status == 404


def test_each_has_their_own(api):
    bob, carol = api.user("files-bob"), api.user("files-carol")
    put(bob, "mine", b"bob")
    assert carol.get("files/").json() == [] and carol.get("files/mine/").status == 404
    assert carol.get("files/?op=get", filename="mine").status == carol.delete("files/mine/").status == 404
    put(carol, "mine", b"carol")
    assert bob.get("files/?op=get", filename="mine").body == b"bob"
    assert api.nobody.get("files/").status == 401
    assert api.admin.delete("users/files-bob/").status == 400  # who owns something is not deleted
    assert api.admin.delete("users/files-bob/?transfer_resources_to=files-carol").status != 204  # nor mixed up
    bob.delete("files/mine/")
    assert api.admin.delete("users/files-bob/").status == 204


@pytest.mark.parametrize("parts, text", [
    ((("file", b"x"),), "Filename not supplied"), ((("filename", "x"),), "Exactly one file must be supplied"),
    ((("filename", "x"), ("file", b"1"), ("more", b"2")), "Exactly one file must be supplied"),
    ((("filename", "x" * 256), ("file", b"1")), "A file's name has at most 255 characters."),
])
def test_refused(api, parts, text):
    reply = api.admin.cli("files/", *parts)
    assert (reply.status, reply.text) == (400, text)
    assert api.admin.get("files/").json() == []


def test_keys_that_are_none(api):
    assert api.nobody.get("files/?op=get_by_key").text == "No provided key!"
    for key in ("x", "00000000-0000-4000-8000-000000000000"):
        assert api.nobody.get("files/?op=get_by_key", key=key).status == 404
