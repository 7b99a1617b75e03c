"""What every request meets before a handler does: paths, operations, bodies, errors, headers."""
import json
import socket
import time
import uuid

import pytest

from conftest import Connection, Reply

LOGIN = "/MAAS/accounts/authenticate/"
GOOD = {"username": "admin", "password": "secret"}


@pytest.mark.parametrize("path", ["users/?op=whoami", "users?op=whoami", "/MAAS//api/2.0///users//?op=whoami",
                                  "users/op-whoami", "users/op-whoami/", "/MAAS/api/2.0/%75sers/?op=who%61mi"])
def test_path_forms(api, path):
    reply = api.admin.get(path)
    assert reply.status == 200
    assert reply.json()["username"] == "admin"


def test_op_in_the_body(api):
    reply = api.admin.post("account/", op="create_authorisation_token", name="by body")
    assert reply.status == 200
    assert reply.json()["name"] == "by body"


def test_op_in_the_query_wins_over_the_body(api):
    reply = api.admin.post("account/?op=create_authorisation_token", op="nonsense", name="x")
    assert reply.status == 200


def test_unknown_operation(api):
    reply = api.admin.post("account/?op=foo")
    assert reply.status == 400
    assert reply.text == "Unrecognised signature: method=POST op=foo"
    assert reply.headers["Content-Type"].startswith("text/plain")
    assert api.admin.get("account/").text == "Unrecognised signature: method=GET op=None"


def test_method_that_is_never_there(api):
    reply = api.admin.put("users/")
    assert reply.status == 405
    assert sorted(reply.headers["Allow"].split(", ")) == ["GET", "POST"]
    assert api.admin.request("PATCH", "users/").status == 405


def test_unknown_paths(api):
    reply = api.admin.get("nothing/here/")
    assert (reply.status, reply.text) == (404, "Unknown API endpoint: /MAAS/api/2.0/nothing/here/.")
    assert api.admin.get("/MAAS/nothing").status == 404
    assert api.admin.get("/MAAS/api/1.0/nodes/").status == 410
    assert api.admin.get("users/nobody-of-this-name/").status == 404


@pytest.mark.parametrize("path", ["users/../version/", "users/%2e%2e/", "users/a%00b/", pytest.param("users/" + "x" * 9000, id="long")])
def test_bad_paths(api, path):
    assert api.admin.get(path).status in (400, 414, 431)


def test_version_of_the_api(api):
    reply = api.nobody.get("/MAAS/api/version/")
    assert (reply.status, reply.text) == (200, "2.0")


def test_headers_of_replies(api):
    hashes = set()
    for path, status in (("version/", 200), ("users/?op=whoami", 401), ("users/?op=x", 400), ("describe/", 200)):
        reply = api.nobody.get(path)
        assert reply.status == status
        assert reply.headers["Date"].endswith("GMT")
        hashes.add(reply.headers["X-MAAS-API-Hash"])
        uuid.UUID(reply.headers["X-Request-Id"])
    assert len(hashes) == 1


def test_replies_without_a_body_have_a_type(api):
    """MAAS's own CLI ends with an error when the type is missing: `maas admin tag delete NAME` did."""
    assert api.admin.post("tags/", name="short-lived").status == 200
    gone = api.admin.delete("tags/short-lived/")
    assert (gone.status, gone.body, gone.headers["Content-Type"]) == (204, b"", "text/plain; charset=utf-8")


def test_head(api):
    reply = api.admin.request("HEAD", "users/?op=whoami")
    assert (reply.status, reply.body) == (200, b"")


def test_request_id_is_echoed(api):
    mine = str(uuid.uuid4())
    assert api.nobody.request("GET", "version/", headers={"X-Request-Id": mine}).headers["X-Request-Id"] == mine
    odd = api.nobody.request("GET", "version/", headers={"X-Request-Id": "x' OR 1"}).headers["X-Request-Id"]
    assert uuid.UUID(odd)


# Bodies

def create(api, name, how):
    return how({"username": name, "email": name + "@example.com", "password": "ünï <&>\"", "is_superuser": "0"})


def raw_multipart(params, end="\r\n", newline="\r\n"):
    parts = [f"--B0und{newline}Content-Disposition: form-data; name=\"{name}\"{newline}{newline}{value}{newline}"
             for name, value in params.items()]
    return "".join(parts) + "--B0und--" + end


@pytest.mark.parametrize("form", ["urlencoded", "cli", "raw", "raw-lf", "json", "json-charset"])
def test_body_encodings(api, form):
    def send(params):
        if form == "urlencoded":
            return api.admin.post("users/", **params)
        if form == "cli":
            return api.admin.cli("users/", *params.items())
        if form.startswith("raw"):
            newline = "\n" if form == "raw-lf" else "\r\n"
            return api.admin.request("POST", "users/", raw_multipart(params, "", newline).encode(),
                                     {"Content-Type": "multipart/form-data; boundary=B0und"})
        kind = "application/json" + ("; charset=utf-8" if form == "json-charset" else "")
        return api.admin.request("POST", "users/", json.dumps(params), {"Content-Type": kind})
    reply = create(api, "form-" + form, send)
    assert reply.status == 200, reply.text
    assert reply.json()["username"] == "form-" + form
    token = api.nobody.post(LOGIN, username="form-" + form, password="ünï <&>\"")
    assert token.status == 200


def test_empty_bodies(api):
    assert api.admin.request("POST", "account/?op=create_authorisation_token").status == 200
    assert api.admin.cli("account/?op=create_authorisation_token").status == 200
    body = b"--B\r\n\r\n--B--"
    reply = api.admin.request("POST", "account/?op=create_authorisation_token", body,
                              {"Content-Type": 'multipart/form-data; boundary="B"'})
    assert reply.status == 200


@pytest.mark.parametrize("kind,body", [
    ("application/json", b"{"), ("application/json", b"[1]"), ("multipart/form-data", b"x"),
    ("multipart/form-data; boundary=B", b"--C\r\n"), ("multipart/form-data; boundary=B", b"--B\r\nx"),
    ("application/x-www-form-urlencoded", b"a=%00"), pytest.param("application/x-www-form-urlencoded", b"&".join([b"a=1"] * 1100), id="many"),
    ("multipart/form-data; boundary=B", b'--B\r\nContent-Disposition: form-data; name="n"\r\n'
                                        b"Content-Transfer-Encoding: base64\r\n\r\n!!!\r\n--B--"),
])
def test_malformed_bodies(api, kind, body):
    reply = api.admin.request("POST", "users/", body, {"Content-Type": kind})
    assert reply.status in (400, 413)
    assert reply.headers["Content-Type"].startswith("text/plain")


def test_values_the_database_refuses(api):
    reply = api.admin.request("POST", "account/?op=create_authorisation_token", b"name=%ff%fe",
                              {"Content-Type": "application/x-www-form-urlencoded"})
    assert reply.status == 400
    assert "database" not in reply.text


def test_too_large_by_its_length(api):
    connection = Connection(api.path)
    connection.putrequest("POST", "/MAAS/api/2.0/users/")
    connection.putheader("Content-Length", str(65 << 20))
    connection.endheaders()
    reply = Reply(connection.getresponse())
    assert reply.status == 413
    assert api.admin.get("users/?op=whoami").status == 200


def test_too_large_by_its_chunks(api):
    connection = Connection(api.path)
    connection.putrequest("POST", "/MAAS/api/2.0/users/")
    connection.putheader("Transfer-Encoding", "chunked")
    connection.endheaders()
    chunk = b"100000\r\n" + b"x" * (1 << 20) + b"\r\n"
    with pytest.raises(OSError):
        for _ in range(80):
            connection.send(chunk)
    assert api.admin.get("users/?op=whoami").status == 200


def test_slow_body_is_cut_off(api):
    # api_program allows 1.5 s
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(api.path)
    connection.sendall(b"POST /MAAS/api/2.0/users/ HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n")
    connection.settimeout(0.1)
    began = time.monotonic()
    closed = False
    while not closed and time.monotonic() - began < 10:
        try:
            connection.sendall(b"x")
            closed = connection.recv(100) == b""
        except TimeoutError:
            pass
        except OSError:
            closed = True
    assert closed
    assert 1 < time.monotonic() - began < 5
    assert api.admin.get("users/?op=whoami").status == 200


def test_many_requests_on_one_connection(api):
    connection = Connection(api.path)
    for _ in range(50):
        connection.request("GET", "/MAAS/api/2.0/version/")
        assert Reply(connection.getresponse()).json()["version"].startswith("3.4.")
