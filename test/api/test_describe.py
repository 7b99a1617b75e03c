"""The version and describe documents, read the way MAAS's clients read them."""
import re


def test_version(api):
    reply = api.nobody.get("version/")
    assert reply.status == 200
    body = reply.json()
    assert {"networks-management", "static-ipaddresses", "devices-management", "network-deployment-ubuntu",
            "authenticate-api"} <= set(body["capabilities"])
    assert body["version"].startswith("3.4.") and body["subversion"] == ""


def test_content_type_is_exact(api):
    reply = api.nobody.get("describe/")
    assert reply.status == 200
    assert reply.headers["Content-Type"] == "application/json"
    assert re.fullmatch("[0-9a-f]{40}", reply.json()["hash"])
    assert reply.headers["X-MAAS-API-Hash"] == reply.json()["hash"]


def test_uris_follow_the_request(api):
    headers = {"Host": "maas.example:5443", "X-Forwarded-Proto": "https"}
    body = api.nobody.request("GET", "describe/", headers=headers).json()
    for entry in body["handlers"]:
        assert entry["uri"] == "https://maas.example:5443" + entry["path"]
    strange = api.nobody.request("GET", "describe/", headers={"Host": 'x"y'}).json()
    assert strange["handlers"][0]["uri"].startswith("http://localhost:5240/")
    assert strange["hash"] == body["hash"]


def test_form(api):
    body = api.nobody.get("describe/").json()
    names = [resource["name"] for resource in body["resources"]]
    assert names == sorted(names)
    sides = [side for which in ("anon", "auth") for side in (resource[which] for resource in body["resources"]) if side]
    assert sorted(sides, key=lambda side: side["name"]) == sorted(body["handlers"], key=lambda side: side["name"])
    for side in sides:
        assert set(side) == {"actions", "doc", "name", "params", "path", "uri"}
        assert side["params"] == re.findall(r"{(\w+)}", side["path"])
        assert [action["name"] for action in side["actions"]] == sorted(action["name"] for action in side["actions"])
        for action in side["actions"]:
            assert set(action) == {"doc", "method", "name", "op", "restful"}
            assert action["restful"] == (action["op"] is None)
            if action["restful"]:
                assert action["name"] == {"POST": "create", "GET": "read", "PUT": "update",
                                          "DELETE": "delete"}[action["method"]]
    version = next(resource for resource in body["resources"] if resource["name"] == "VersionHandler")
    assert version["auth"] is None and version["anon"]["name"] == "VersionHandler"


def cli_name(name):
    name = re.sub(r"^Anon|Handler$", "", name)
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "-", name).lower()


def cli_tree(description):
    """{handler: {action: (method, path, op, params, takes_options)}}: commands as the CLI of MAAS makes them."""
    tree = {}
    for resource in description["resources"]:
        commands = tree.setdefault(cli_name(resource["name"]), {})
        for side in (resource["auth"], resource["anon"]):
            for action in side["actions"] if side else ():
                commands.setdefault(action["name"].replace("_", "-"), (
                    action["method"], side["path"], action["op"], side["params"], ":param" in (action["doc"] or "")))
    return tree


def test_commands(api):
    tree = cli_tree(api.nobody.get("describe/").json())
    assert tree["users"]["whoami"] == ("GET", "/MAAS/api/2.0/users/", "whoami", [], False)
    assert tree["user"]["read"] == ("GET", "/MAAS/api/2.0/users/{username}/", None, ["username"], False)
    assert tree["users"]["create"][4] and tree["maas"]["set-config"][4]
    assert tree["account"]["create-authorisation-token"][4]
    assert "read" in tree["version"] and "sshkeys" in {name.replace("-", "") for name in tree}


def test_every_route_answers_and_every_action_with_parameters_says_so(api):
    """No described action is unknown to the router; a 404 may only be about the object."""
    for resource in api.nobody.get("describe/").json()["resources"]:
        for side in (resource["auth"], resource["anon"]):
            for action in side["actions"] if side else ():
                path = re.sub(r"{\w+}", "0", side["path"]) + (f"?op={action['op']}" if action["op"] else "")
                reply = api.nobody.request(action["method"], path)
                assert "Unknown API endpoint" not in reply.text, path
                assert "Unrecognised signature" not in reply.text, path
                assert reply.status not in (405, 500), (path, reply.text)
