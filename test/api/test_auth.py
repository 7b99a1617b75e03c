"""Who may: API keys, sessions and their CSRF rule, rights, users and their keys."""
import re
import urllib.parse

import pytest

from conftest import Client, oauth_header

WHOAMI = "users/?op=whoami"
LOGIN = "/MAAS/accounts/login/"
AUTHENTICATE = "/MAAS/accounts/authenticate/"


@pytest.fixture(scope="module")
def plain(api):
    return api.user("plain")


def with_header(api, header, path=WHOAMI):
    return api.nobody.request("GET", path, headers={"Authorization": header})


def test_whoami(api):
    reply = api.admin.get(WHOAMI)
    assert reply.status == 200
    assert reply.headers["Content-Type"] == "application/json; charset=utf-8"
    assert reply.json() == {"username": "admin", "email": "admin@localhost", "is_superuser": True, "is_local": True,
                            "resource_uri": "/MAAS/api/2.0/users/admin/"}


def test_key_has_the_lengths_of_maas(api):
    assert re.fullmatch(r"[A-Za-z0-9]{18}:[A-Za-z0-9]{18}:[A-Za-z0-9]{32}", api.key)


def test_nobody(api):
    reply = api.nobody.get(WHOAMI)
    assert reply.status == 401
    assert reply.headers["WWW-Authenticate"].startswith("OAuth realm=")
    assert api.nobody.post("account/?op=create_authorisation_token").status == 401


def test_header_forms(api):
    consumer, token, secret = api.key.split(":")
    reordered = (f'OAuth oauth_signature="%26{secret}",oauth_token="{token}",oauth_nonce="1",oauth_version="1.0",'
                 f'oauth_consumer_key="{consumer}",oauth_signature_method="PLAINTEXT",oauth_timestamp="1"')
    assert with_header(api, reordered).status == 200
    assert with_header(api, reordered.replace("OAuth", "oauth", 1)).status == 200
    assert with_header(api, reordered.replace("%26", "&")).status == 200


def test_key_in_the_query(api):
    consumer, token, secret = api.key.split(":")
    query = urllib.parse.urlencode({"oauth_consumer_key": consumer, "oauth_token": token, "oauth_nonce": "1",
                                    "oauth_timestamp": "1", "oauth_signature_method": "PLAINTEXT",
                                    "oauth_version": "1.0", "oauth_signature": "&" + secret})
    assert api.nobody.get(WHOAMI + "&" + query).status == 200


@pytest.mark.parametrize("change", [("consumer", "x" * 18), ("token", "x" * 18), ("secret", "x" * 32), ("secret", "")])
def test_wrong_keys(api, change):
    parts = dict(zip(("consumer", "token", "secret"), api.key.split(":")))
    parts[change[0]] = change[1]
    reply = Client(api.path, ":".join(parts.values())).get(WHOAMI)
    assert (reply.status, reply.text) == (401, "Authorization Error: Invalid API key.")


@pytest.mark.parametrize("field", ["oauth_consumer_key", "oauth_token", "oauth_signature", "oauth_signature_method"])
def test_missing_fields(api, field):
    header = re.sub(field + r'="[^"]*"', "", oauth_header(api.key))
    assert with_header(api, header).status == 400


def test_other_signature_methods(api):
    assert with_header(api, oauth_header(api.key).replace("PLAINTEXT", "HMAC-SHA1")).status == 401


@pytest.mark.parametrize("header", ['OAuth oauth_token="', "OAuth x", pytest.param("OAuth " + "a=b," * 2000, id="long"), "OAuth =,=,="])
def test_malformed_headers(api, header):
    assert with_header(api, header).status in (400, 431)


def test_wrong_key_is_refused_even_where_none_is_needed(api):
    # version needs no database and judges nothing; actions for anybody do
    assert Client(api.path, "a:b:c").get("version/").status == 200
    assert Client(api.path, "a:b:c").get("users/").status == 401


def test_inactive_user(api):
    sleeper = api.user("sleeper")
    api.sql("UPDATE account SET is_active = false WHERE username = 'sleeper'")
    assert sleeper.get(WHOAMI).status == 403
    assert api.nobody.post(AUTHENTICATE, username="sleeper", password="secret").status == 403


def test_admins_only(api, plain):
    reply = plain.post("users/", username="x", email="x@y", password="z", is_superuser="1")
    assert reply.status == 403
    assert plain.delete("users/admin/").status == 403
    assert plain.post("maas/?op=set_config", name="maas_name", value="x").status == 403
    assert plain.get("users/").status == 200


def test_secrets_are_sealed_in_the_database(api):
    secret = api.key.split(":")[2]
    stored = api.sql("SELECT string_agg(secret, ' ') FROM api_token")
    assert stored.startswith("v1:") and secret not in stored
    assert api.sql("SELECT password FROM account WHERE username = 'admin'").startswith("scrypt$")


# Keys

def test_keys_of_a_user(api):
    user = api.user("keys")
    made = user.post("account/?op=create_authorisation_token", name="second").json()
    assert set(made) == {"token_key", "token_secret", "consumer_key", "name"}
    key = f'{made["consumer_key"]}:{made["token_key"]}:{made["token_secret"]}'
    assert Client(api.path, key).get(WHOAMI).json()["username"] == "keys"
    listed = user.get("account/?op=list_authorisation_tokens").json()
    assert listed == [{"name": "MAAS consumer", "token": user.key}, {"name": "second", "token": key}]
    renamed = user.post("account/?op=update_token_name", token=key, name="third")
    assert (renamed.status, renamed.text) == (202, "Accepted")
    assert user.post("account/?op=update_token_name", token=made["token_key"], name="fourth").status == 202
    assert user.get("account/?op=list_authorisation_tokens").json()[1]["name"] == "fourth"
    assert api.admin.post("account/?op=delete_authorisation_token", token_key=made["token_key"]).status == 404
    gone = user.post("account/?op=delete_authorisation_token", token_key=made["token_key"])
    assert (gone.status, gone.body) == (204, b"")
    assert Client(api.path, key).get(WHOAMI).status == 401
    missing = user.post("account/?op=delete_authorisation_token")
    assert (missing.status, missing.text) == (400, "No provided token_key!")


def test_name_and_password_to_key(api):
    api.user("librarian")
    first = api.nobody.post(AUTHENTICATE, username="librarian", password="secret", consumer="lib@host")
    assert first.status == 200
    assert set(first.json()) == {"consumer_key", "name", "token_key", "token_secret"}
    again = api.nobody.post(AUTHENTICATE, username="librarian", password="secret", consumer="lib@host")
    assert again.json() == first.json()
    other = api.nobody.post(AUTHENTICATE, username="librarian", password="secret")
    assert other.json()["token_key"] != first.json()["token_key"]
    assert api.nobody.post(AUTHENTICATE, username="librarian", password="wrong").status == 403
    assert api.nobody.post(AUTHENTICATE, username="nobody", password="secret").status == 403
    assert api.nobody.post(AUTHENTICATE).status == 403
    assert api.nobody.get(AUTHENTICATE).status == 405


# Users

def test_create_user(api):
    made = api.admin.post("users/", username="maker@x.y", email="m@x.y", password="p", is_superuser="1")
    assert made.status == 200
    assert made.json() == api.admin.get("users/maker@x.y/").json()
    assert made.json()["is_superuser"] is True
    names = [user["username"] for user in api.admin.get("users/").json()]
    assert names == sorted(names) and "maker@x.y" in names


@pytest.mark.parametrize("missing", ["username", "email", "password", "is_superuser"])
def test_create_user_without(api, missing):
    params = {"username": "w", "email": "w@x", "password": "p", "is_superuser": "0"}
    del params[missing]
    reply = api.admin.post("users/", **params)
    assert (reply.status, reply.text) == (400, f"No provided {missing}!")


def test_field_errors(api):
    reply = api.admin.post("users/", username="a b", email="nowhere", password="p", is_superuser="0")
    assert reply.status == 400
    assert reply.headers["Content-Type"] == "application/json; charset=utf-8"
    assert set(reply.json()) == {"username", "email"}
    assert all(isinstance(text, str) for texts in reply.json().values() for text in texts)
    twice = api.admin.post("users/", username="admin", email="a@b", password="p", is_superuser="0")
    assert twice.status == 400 and "username" in twice.json()


def test_delete_user(api):
    user = api.user("leaver")
    assert api.admin.delete("users/admin/").status == 400
    gone = api.admin.delete("users/leaver/")
    assert (gone.status, gone.body) == (204, b"")
    assert user.get(WHOAMI).status == 401
    assert api.admin.delete("users/leaver/").status == 404


def test_delete_user_who_owns(api):
    api.user("owner")
    api.user("heir")
    api.sql("CREATE TABLE owned (owner_id bigint REFERENCES account); "
            "INSERT INTO owned SELECT id FROM account WHERE username = 'owner'")
    try:
        assert api.admin.delete("users/owner/").status == 400
        assert api.admin.delete("users/owner/?transfer_resources_to=nobody").status == 404
        assert api.admin.delete("users/owner/?transfer_resources_to=heir").status == 204
        assert api.sql("SELECT username FROM owned JOIN account ON id = owner_id") == "heir"
    finally:
        api.sql("DROP TABLE owned")


# SSH keys

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGb9gXcA2B2mO7ZkGGZEQe8jT8u0zJ5W1nYw3Q1rUv2s someone@host"


def test_sshkeys(api, plain):
    made = plain.post("account/prefs/sshkeys/", key=KEY + "\n")
    assert made.status == 201
    key = made.json()
    assert key["key"] == KEY and isinstance(key["id"], int)
    assert plain.get("account/prefs/sshkeys/").json() == [key]
    assert plain.get(key["resource_uri"]).json() == key
    twice = plain.post("account/prefs/sshkeys/", key=KEY)
    assert twice.status == 400 and "key" in twice.json()
    assert api.admin.delete(key["resource_uri"]).status == 403
    assert api.admin.post("account/prefs/sshkeys/", key=KEY, user="plain").status == 400
    assert plain.delete(key["resource_uri"]).status == 204
    assert plain.get(key["resource_uri"]).status == 404


@pytest.mark.parametrize("bad", ["x", "ssh-rsa", "ssh-rsa AAAA", KEY.replace("ssh-ed25519", "ssh-rsa"), KEY[:60] + "\nssh-rsa x"])
def test_bad_sshkeys(plain, bad):
    reply = plain.post("account/prefs/sshkeys/", key=bad)
    assert reply.status == 400 and list(reply.json()) == ["key"]


# Sessions

def log_in(api, name="admin", password="secret"):
    reply = api.nobody.post(LOGIN, username=name, password=password)
    assert reply.status == 204, reply.text
    return reply


def cookie(reply):
    return {"Cookie": "; ".join(f"{name}={value}" for name, value in reply.cookies().items())}


def test_session(api):
    reply = log_in(api)
    attributes = {value.split("=")[0]: value for value in reply.headers.get_all("Set-Cookie")}
    assert set(attributes) == {"sessionid", "csrftoken"}
    assert "HttpOnly" in attributes["sessionid"] and "SameSite=Lax" in attributes["sessionid"]
    assert "HttpOnly" not in attributes["csrftoken"]  # pages read it
    assert "Secure" not in attributes["sessionid"]
    assert reply.cookies()["sessionid"] not in api.sql("SELECT string_agg(digest, ' ') FROM session")
    assert api.nobody.request("GET", WHOAMI, headers=cookie(reply)).json()["username"] == "admin"
    assert api.nobody.request("GET", LOGIN, headers=cookie(reply)).json() == {
        "authenticated": True, "external_auth_url": None, "no_users": False}
    assert api.nobody.get(LOGIN).json()["authenticated"] is False
    again = api.nobody.request("POST", LOGIN, headers=cookie(reply))
    assert again.status == 204 and not again.cookies()


def test_cookie_is_secure_over_tls(api):
    reply = api.nobody.post(LOGIN, {"X-Forwarded-Proto": "https"}, username="admin", password="secret")
    assert all("Secure" in value for value in reply.headers.get_all("Set-Cookie"))


def test_csrf(api):
    reply = log_in(api)
    token = reply.cookies()["csrftoken"]
    path = "account/?op=create_authorisation_token"
    assert api.nobody.request("POST", path, headers=cookie(reply)).status == 403
    wrong = {**cookie(reply), "X-CSRFToken": "x" * 32}
    assert api.nobody.request("POST", path, headers=wrong).status == 403
    assert api.nobody.request("POST", path, headers={**cookie(reply), "X-CSRFToken": token}).status == 200
    assert api.nobody.post(path, cookie(reply), csrfmiddlewaretoken=token).status == 200
    assert api.nobody.request("POST", "/MAAS/account/csrf/", headers=cookie(reply)).json() == {"csrf": token}
    assert api.nobody.request("POST", "/MAAS/account/csrf/").status == 403
    # a key needs no token; a living session wins over a key
    assert api.admin.request("POST", path, headers={"Cookie": "sessionid=gone"}).status == 200
    assert api.admin.request("POST", path, headers=cookie(reply)).status == 403


def test_logout(api):
    reply = log_in(api)
    assert api.nobody.request("POST", "/MAAS/accounts/logout/", headers=cookie(reply)).status == 403
    headers = {**cookie(reply), "X-CSRFToken": reply.cookies()["csrftoken"]}
    assert api.nobody.request("POST", "/MAAS/accounts/logout/", headers=headers).status == 204
    assert api.nobody.request("GET", WHOAMI, headers=cookie(reply)).status == 401


def test_session_ends(api):
    reply = log_in(api)
    api.sql("UPDATE session SET expires = now() - interval '1 second'")
    assert api.nobody.request("GET", WHOAMI, headers=cookie(reply)).status == 401
    log_in(api)
    assert api.sql("SELECT count(*) FROM session WHERE expires < now()") == "0"


def test_bad_login(api):
    for params in ({"username": "admin", "password": "wrong"}, {"username": "x", "password": "secret"}, {}):
        reply = api.nobody.post(LOGIN, **params)
        assert reply.status == 400
        assert list(reply.json()) == ["__all__"]
        assert not reply.cookies()
