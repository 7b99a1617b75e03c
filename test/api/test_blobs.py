"""Bytes by their SHA-256: whole, in part, by ETag, and nothing else of the folder."""
import hashlib
import os

import pytest

BYTES = os.urandom(1 << 20)
NAME = hashlib.sha256(BYTES).hexdigest()


@pytest.fixture(scope="module", name="get")
def make_get(api):
    (api.blobs / NAME).write_bytes(BYTES)
    (api.blobs / (NAME + ".part")).write_bytes(BYTES)

    def get(name, method="GET", **headers):
        return api.nobody.request(method, "/blobs/" + name, headers={key.replace("_", "-"): value for key, value in headers.items()})
    return get


def test_whole_and_part(get):
    reply = get(NAME)
    assert (reply.status, reply.body, reply.headers["ETag"]) == (200, BYTES, f'"{NAME}"')
    part = get(NAME, Range="bytes=1000-")
    assert (part.status, part.body) == (206, BYTES[1000:])
    assert get(NAME, Range="bytes=0-", If_Range='"other"').status == 200
    assert get(NAME, Range=f"bytes={len(BYTES)}-").status == 416
    head = get(NAME, "HEAD")
    assert (head.body, head.headers["Content-Length"]) == (b"", str(len(BYTES)))
    unchanged = get(NAME, If_None_Match=f'"{NAME}"')
    assert (unchanged.status, unchanged.body) == (304, b"")


@pytest.mark.parametrize("name", ["", NAME[:-1], NAME + "0", NAME + ".part", NAME.upper(), NAME + "/" + NAME, "0" * 64, "..%2f" + NAME])
def test_nothing_else(get, name):
    assert get(name).status in (400, 404)


def test_needs_no_database(api, get):
    api.order("primary off")
    assert get(NAME).status == 200
    api.order("primary on")
