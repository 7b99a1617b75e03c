"""Mirrors that lie, fail or mean harm: each is one clear problem of its own source, and the import goes on with the others."""
import contextlib
import hashlib
import http.server
import json
import os
import threading

import pytest

from mirror import Key, Mirror

MIB = 1 << 20
ROOT = os.urandom(40000)


class Hostile(http.server.BaseHTTPRequestHandler):
    """`answers`: {name below the source: bytes, or what is done with the request}."""

    answers = {}

    def log_message(self, *_):
        pass

    def do_GET(self):
        answer = self.answers.get(self.path.partition("/evil/")[2])
        if callable(answer):
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                answer(self)
            return
        self.send_response(200 if answer is not None else 404)
        self.send_header("Content-Length", str(len(answer or b"")))
        self.end_headers()
        self.wfile.write(answer or b"")


def redirect_for_ever(request):
    request.send_response(302)
    request.send_header("Location", request.path)
    request.send_header("Content-Length", "0")
    request.end_headers()


def redirect_to_a_file(request):
    request.send_response(302)
    request.send_header("Location", "file:///etc/passwd")
    request.send_header("Content-Length", "0")
    request.end_headers()


def body_without_end(request):
    request.send_response(200)
    request.end_headers()
    for _ in range(40):
        request.wfile.write(bytes(MIB))


def shorter_than_said(request):
    request.send_response(200)
    request.send_header("Content-Length", "1000")
    request.end_headers()
    request.wfile.write(b"-----BEGIN PGP SIGNED MESSAGE-----\n")
    request.close_connection = True


@pytest.fixture(scope="module", name="key")
def make_key(tmp_path_factory):
    key = Key(tmp_path_factory.mktemp("gpg") / "home")
    yield key
    key.close()


@pytest.fixture(scope="module", name="good")
def make_good(api, tmp_path_factory, key):
    """A source that is always well, selected from."""
    mirror = Mirror(tmp_path_factory.mktemp("mirror"), key)
    mirror.add("good", "000", {"root": ("root-tgz", b"first")}, os="debian", release="good", arch="amd64")
    mirror.publish()
    made = api.admin.cli("boot-sources/", ("url", mirror.url), ("keyring_data", key.keyring)).json()
    assert api.admin.post(f"boot-sources/{made['id']}/selections/", os="debian", release="good").status == 200
    yield mirror
    mirror.close()


@pytest.fixture(scope="module", name="evil")
def make_evil(api, key, good):
    """The id of the source that means harm; what it answers stands in Hostile.answers."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hostile)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/evil/"
    assert url != good.url
    made = api.admin.cli("boot-sources/", ("url", url), ("keyring_data", key.keyring)).json()
    api.sql(f"INSERT INTO boot_source_selection (boot_source_id, os, release) VALUES ({made['id']}, 'evil', 'one')")
    yield made["id"]
    server.shutdown()
    server.server_close()


def index_of(paths):
    return {"format": "index:1.0", "index": {f"list{i}": {"datatype": "image-downloads", "format": "products:1.0", "path": path}
                                             for i, path in enumerate(paths)}}


def product(**item):
    entry = {"ftype": "root-tgz", "path": "files/root", "size": len(ROOT), "sha256": hashlib.sha256(ROOT).hexdigest(), **item}
    return {"os": "evil", "release": "one", "arch": "amd64", "versions": {"1": {"items": {"root": entry}}}}


def lists_of(products):
    return {"streams/v1/index.sjson": index_of(["streams/v1/a.sjson"]),
            "streams/v1/a.sjson": {"format": "products:1.0", "content_id": "a", "products": products}}


def import_all(api, key, good, answers):
    """What is the problem of the evil one, after an import that brought the good one's next version."""
    Hostile.answers = {name: key.sign(json.dumps(answer, indent=1).encode()) if isinstance(answer, dict) else answer
                       for name, answer in answers.items()}
    version = f"{len(list(good.folder.glob('good/*'))):03}"
    body = os.urandom(2000)
    good.add("good", version, {"root": ("root-tgz", body)})
    good.publish()
    api.order("import")
    assert (api.blobs / hashlib.sha256(body).hexdigest()).read_bytes() == body
    assert api.admin.get("version/").status == 200
    return api.sql("SELECT problem FROM boot_source WHERE url LIKE '%/evil/'"), api.sql("SELECT problem FROM image_import")


INDEX = "streams/v1/index.sjson"


@pytest.mark.parametrize("answers,says", [
    ({}, "404"), ({INDEX: redirect_for_ever}, "redirect"), ({INDEX: redirect_to_a_file}, "rotocol"), ({INDEX: body_without_end}, "exceeds"),
    ({INDEX: shorter_than_said}, ""), ({INDEX: b"{}"}, "signature"), ({INDEX: b""}, "signature"), ({INDEX: {}}, "index:1.0"),
    ({INDEX: index_of(["../../etc/passwd.sjson"])}, "outside"), ({INDEX: index_of(["/etc/passwd.sjson"])}, "outside"),
    ({INDEX: index_of([f"streams/v1/{i}.sjson" for i in range(65)])}, "more than 64"), ({INDEX: index_of(["streams/v1/gone.sjson"])}, "404"),
    (lists_of({"a": product(path="../../../etc/shadow")}), "leads out"), (lists_of({"a": product(path="a%2e%2e/b")}), "leads out"),
    (lists_of({str(i): {} for i in range(8193)}), "more than 8192"),
], ids=lambda value: value.replace(" ", "-") if isinstance(value, str) else "")
def test_list(api, key, good, evil, answers, says):
    problem, run = import_all(api, key, good, answers)
    assert problem and says in problem and problem in run, (problem, run)
    assert api.sql(f"SELECT count(*) FROM boot_resource WHERE boot_source_id = {evil}") == "0"


def test_depth(api, key, good, evil):
    """Brackets in brackets, well signed."""
    assert evil
    problem, _ = import_all(api, key, good, {INDEX: key.sign(b'{"format": "index:1.0", "index": ' + b"[" * 100000)})
    assert "depth" in problem


def test_items_that_mean_nothing_are_passed_over(api, key, good, evil):
    items = [{"size": -1}, {"size": "7"}, {"sha256": "ab"}, {"sha256": "../" + "a" * 61}, {"path": 7}, {"ftype": "../x"}]
    problem, _ = import_all(api, key, good, lists_of({"a": product(size=1 << 70)}))
    assert "too big" in problem  # the whole list is malformed
    names = {str(i): {**product(**item), "subarch": f"s{i}"} for i, item in enumerate(items)}
    problem, run = import_all(api, key, good, lists_of(names))
    assert (problem, run) == ("", "")
    assert api.sql(f"SELECT count(*) FROM boot_resource WHERE boot_source_id = {evil}") == "0"


def test_files_that_are_not_what_the_list_says(api, key, good, evil):
    """Too short, too long, never ending, other bytes, in a circle, not there: none of it is kept, and the good one comes all the same."""
    bodies = [os.urandom(30000 + i) for i in range(6)]
    digests = [hashlib.sha256(body).hexdigest() for body in bodies]
    digests[3] = hashlib.sha256(b"other").hexdigest()
    sizes = [len(bodies[0]) - 1, len(bodies[1]) + 1, 1 << 60, *map(len, bodies[3:])]
    products = {str(i): {**product(path=f"files/{i}", size=sizes[i], sha256=digests[i]), "subarch": f"s{i}"} for i in range(6)}
    answers = {**lists_of(products), **{f"files/{i}": body for i, body in enumerate(bodies[:4])}, "files/4": redirect_for_ever}
    problem, run = import_all(api, key, good, answers)
    assert problem == "" and "/evil/files/" in run, run
    assert api.sql(f"SELECT count(*) FROM boot_resource WHERE boot_source_id = {evil}") == "6"
    assert not [path for digest in digests for path in api.blobs.glob(digest)]
    assert api.sql("SELECT count(*) FROM blob WHERE sha256 IN ('" + "','".join(digests) + "')") in ("0", "")
