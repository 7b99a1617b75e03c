"""Keys of people: SSH keys from a service that publishes them, certificates."""
import http.server
import json
import subprocess
import threading

import pytest

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGb9gXcA2B2mO7ZkGGZEQe8jT8u0zJ5W1nYw3Q1rUv2s"
OTHER = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHVW5W1Q4Q2vY8Tz0m5n1J8m5Xy1kq8v3b2n6c7d8e9f"


@pytest.fixture(scope="module")
def service(api):
    """Launchpad and GitHub in one; `pages`: what there is by path, as a text or a number (a status)."""
    class Handler(http.server.BaseHTTPRequestHandler):
        pages = {}

        def log_message(self, *_):
            pass

        def do_GET(self):
            page = self.pages.get(self.path, 404)
            body = b"" if isinstance(page, int) else page.encode()
            self.send_response(page if isinstance(page, int) else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for name, path in (("launchpad", "lp/"), ("github", "gh")):
        reply = api.admin.post("maas/?op=set_config", name=f"ssh_keys_{name}_url", value=f"http://127.0.0.1:{server.server_port}/{path}")
        assert reply.status == 200
    yield Handler
    server.shutdown()


def take(client, keysource):
    return client.post("account/prefs/sshkeys/?op=import", keysource=keysource)


def test_import(api, service):
    plain = api.user("key-import")
    service.pages["/lp/~bob/+sshkeys"] = f"{KEY} bob@one\r\n\nssh-dss AAAA old\n{OTHER} bob@two\n"
    reply = take(plain, "lp:bob")
    assert reply.status == 200, reply.text
    assert [(key["key"], key["keysource"]) for key in reply.json()] == [(f"{KEY} bob@one", "lp:bob"), (f"{OTHER} bob@two", "lp:bob")]
    assert plain.get("account/prefs/sshkeys/").json() == reply.json()
    assert plain.get(reply.json()[0]["resource_uri"]).json() == reply.json()[0]
    assert take(plain, "bob").json() == reply.json()  # Launchpad, and nothing twice
    service.pages["/gh/users/Al-ice/keys"] = json.dumps([{"id": 1, "key": KEY}])
    assert [key["keysource"] for key in take(plain, "gh:Al-ice").json()] == ["gh:Al-ice"]
    assert len(plain.get("account/prefs/sshkeys/").json()) == 3
    assert plain.delete(reply.json()[0]["resource_uri"]).status == 204
    assert api.admin.get("account/prefs/sshkeys/").json() == []


def test_what_goes_wrong_says_so(api, service):
    service.pages.update({"/lp/~none/+sshkeys": "\n", "/lp/~broken/+sshkeys": 500, "/gh/users/odd/keys": '{"message": "x"}'})
    for keysource, status, words in (("lp:nobody", 400, "Launchpad user nobody doesn't exist."), ("gh:nobody", 400, "GitHub user nobody"),
                                     ("lp:none", 400, "no SSH keys for lp:none"), ("lp:broken", 503, "Launchpad: "),
                                     ("gh:odd", 503, "no JSON list"), ("xx:bob", 400, "expected lp:NAME or gh:NAME"),
                                     ("lp:../admin", 400, "expected lp:NAME"), ("gh:", 400, "expected lp:NAME"), ("lp:a b", 400, "expected")):
        reply = take(api.admin, keysource)
        assert reply.status == status and words in reply.text, (keysource, reply.status, reply.text)
    assert api.admin.post("account/prefs/sshkeys/?op=import").text == "No provided keysource!"
    assert take(api.nobody, "lp:bob").status == 401
    assert api.admin.get("account/prefs/sshkeys/").json() == []


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("certificate")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ed25519", "-nodes", "-subj", "/CN=someone/OU=" + "long " * 10,
                    "-keyout", folder / "key", "-out", folder / "cert"], check=True, capture_output=True)
    return (folder / "cert").read_text()


def test_certificates(api, certificate):
    plain, path = api.user("key-ssl"), "account/prefs/sslkeys/"
    made = plain.post(path, key=certificate + "\n")
    assert made.status == 201, made.text
    key = made.json()
    assert set(key) == {"id", "key", "resource_uri"} and key["key"] == certificate.strip()
    assert plain.get(path).json() == [key] and plain.get(key["resource_uri"]).json() == key
    assert api.admin.get(path).json() == []
    assert api.admin.get(key["resource_uri"]).status == 403 and api.admin.delete(key["resource_uri"]).status == 403
    assert list(plain.post(path, key=certificate).json()) == ["key"]
    encrypted = "-----BEGIN CERTIFICATE-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00112233445566778899AABBCCDDEEFF\n\nAAAA\n-----END CERTIFICATE-----"
    for bad in ("x", certificate[:100], "ssh-rsa AAAA", encrypted):
        assert (plain.post(path, key=bad).status, list(plain.post(path, key=bad).json())) == (400, ["key"])
    assert plain.post(path).text == "No provided key!"
    assert plain.delete(key["resource_uri"]).status == 204 and plain.get(key["resource_uri"]).status == 404


def test_what_is_changed_is_audited(api, service):
    def newest(count):
        events = api.admin.get("events/?op=query", level="AUDIT", limit=count).json()["events"]
        return [(event["username"], event["type"], event["description"]) for event in reversed(events)]

    service.pages["/gh/users/aud/keys"] = json.dumps([{"key": KEY}])
    plain = api.user("key-audit")
    token = plain.post("account/?op=create_authorisation_token", name="robot").json()
    (key,) = take(plain, "gh:aud").json()
    plain.delete(key["resource_uri"])
    plain.post("account/?op=update_token_name", token=token["token_key"], name="other")
    plain.post("account/?op=delete_authorisation_token", token_key=token["token_key"])
    api.admin.post("maas/?op=set_config", name="vcenter_password", value="hush")
    assert newest(7) == [
        ("admin", "Authorisation", "Created user 'key-audit'."), ("key-audit", "Authorisation", "Created API key 'robot'."),
        ("key-audit", "Authorisation", "Imported SSH keys from 'gh:aud'."),
        ("key-audit", "Authorisation", f"Deleted SSH key {key['id']}."), ("key-audit", "Authorisation", "Renamed API key 'other'."),
        ("key-audit", "Authorisation", f"Deleted API key '{token['token_key']}'."), ("admin", "Settings", "Updated setting 'vcenter_password'.")]
    assert plain.get("events/?op=query", level="AUDIT").json()["events"] == []


def test_secrets_may_be_files(api):
    body = (("username", "key-file"), ("email", "a@b"), ("is_superuser", "0"))
    assert api.admin.cli("users/", *body, ("password", b"\n")).text == "No provided password!"
    assert api.admin.cli("users/", *body, ("password", b"a\0b")).status == 400
    assert api.admin.cli("users/", *body, ("password", b"s e\r\n")).status == 200
    assert api.nobody.post("/MAAS/accounts/authenticate/", username="key-file", password="s e").status == 200


def test_a_user_is_made_with_a_key(api):
    body = {"username": "key-made", "email": "a@b", "password": "p", "is_superuser": "0"}
    assert list(api.admin.post("users/", key="ssh-rsa x", **body).json()) == ["key"]
    assert api.admin.get("users/key-made/").status == 404
    assert api.admin.post("users/", key=KEY, **body).status == 200
    assert api.sql("SELECT count(*) FROM ssh_key k JOIN account a ON a.id = k.account_id WHERE username = 'key-made'") == "1"
