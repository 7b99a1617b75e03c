"""Image files by their manifest: whole, in part, by ETag; nothing else of the folder."""
import hashlib
import json
import os

import pytest

from conftest import Api

BYTES = os.urandom(3 << 20)
LOADER = b"loader\n"


@pytest.fixture(scope="module", name="region")
def make_region(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    (folder / "grub" / "x").mkdir(parents=True)
    (folder / "root.squashfs").write_bytes(BYTES)
    (folder / "grub" / "x" / "a.mod").write_bytes(LOADER)
    (folder / "secret").write_text("no")
    (folder / "shrunk").write_text("x")
    (folder / "empty").write_text("")
    rows = [("root.squashfs", BYTES), ("grub/x/a.mod", LOADER), ("shrunk", b"xx"), ("../secret", b"no"), ("empty", b"")]
    (folder / "manifest.json").write_text(json.dumps({"manifest_version": 1, "files": [
        {"file": name, "kind": "loader", "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for name, content in rows]}))
    program = Api(GANTRY_IMAGES=str(folder))
    yield program
    program.close()


def get(region, name, **headers):
    return region.nobody.request("GET", "/images/" + name, headers={key.replace("_", "-"): value for key, value in headers.items()})


def test_whole(region):
    reply = get(region, "root.squashfs")
    assert reply.status == 200 and reply.body == BYTES
    assert reply.headers["ETag"] == f'"{hashlib.sha256(BYTES).hexdigest()}"'
    assert get(region, "grub/x/a.mod").body == LOADER
    assert get(region, "empty").body == b""
    assert get(region, "manifest.json").json()["manifest_version"] == 1
    head = region.nobody.request("HEAD", "/images/root.squashfs")
    assert head.body == b"" and head.headers["Content-Length"] == str(len(BYTES))


@pytest.mark.parametrize("header,first,last", [
    ("bytes=0-0", 0, 0), ("bytes=100-199", 100, 199), ("bytes=3145000-", 3145000, len(BYTES) - 1),
    ("bytes=-5", len(BYTES) - 5, len(BYTES) - 1), ("bytes=3145727-9999999999", len(BYTES) - 1, len(BYTES) - 1),
])
def test_part(region, header, first, last):
    reply = get(region, "root.squashfs", Range=header)
    assert reply.status == 206
    assert reply.headers["Content-Range"] == f"bytes {first}-{last}/{len(BYTES)}"
    assert reply.body == BYTES[first:last + 1]


@pytest.mark.parametrize("header,status", [
    ("bytes=3145728-", 416), ("bytes=-0", 416), ("bytes=5-1", 200), ("bytes=0-1,3-4", 200), ("bytes=x", 200), ("lines=1-2", 200),
])
def test_odd_ranges(region, header, status):
    reply = get(region, "root.squashfs", Range=header)
    assert reply.status == status
    assert reply.body == (BYTES if status == 200 else b"")


def test_etag(region):
    etag = get(region, "grub/x/a.mod").headers["ETag"]
    unchanged = get(region, "grub/x/a.mod", If_None_Match=etag)
    assert (unchanged.status, unchanged.body) == (304, b"")
    assert get(region, "grub/x/a.mod", If_None_Match='"other"').status == 200
    assert get(region, "root.squashfs", Range="bytes=0-0", If_Range=etag).status == 200
    assert get(region, "grub/x/a.mod", Range="bytes=0-0", If_Range=etag).status == 206


@pytest.mark.parametrize("name", ["secret", "../secret", "%2e%2e/secret", "grub", "", "x" * 300])
def test_nothing_else(region, name):
    assert get(region, name).status in (400, 404)


def test_file_that_differs_from_the_manifest(region):
    assert get(region, "shrunk").status == 500


def test_images_need_no_database(region):
    region.order("primary off")
    assert get(region, "grub/x/a.mod").status == 200
    region.order("primary on")


def test_no_folder(api):
    assert get(api, "root.squashfs").status == 404
