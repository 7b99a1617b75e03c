"""Scripts: made, changed, gone back, tagged; what comes with the program; as older clients know them."""
import base64

KEYS = {"id", "name", "title", "description", "tags", "type", "type_name", "hardware_type", "hardware_type_name", "parallel",
        "parallel_name", "results", "parameters", "packages", "timeout", "destructive", "default", "may_reboot", "recommission",
        "apply_configured_networking", "for_hardware", "history", "resource_uri"}
TEXT = b"""#!/bin/sh
# --- Start MAAS 1.0 script metadata ---
# name: my-test
# title: My test
# script_type: testing
# hardware_type: storage
# parallel: instance
# timeout: 0:10:00
# parameters: {storage: {type: storage}}
# packages: {apt: [fio]}
# --- End MAAS 1.0 script metadata ---
exit 0
"""


def test_life_of_a_script(api):
    made = api.admin.cli("scripts/", ("title", "not this"), ("description", "Tests."), ("comment", "first"), ("script", TEXT))
    assert made.status == 200 and set(made.json()) == KEYS, made.text
    script = made.json()
    assert (script["name"], script["title"], script["description"]) == ("my-test", "My test", "Tests.")
    assert (script["type"], script["type_name"]) == (2, "Testing script")
    assert (script["hardware_type"], script["hardware_type_name"]) == (3, "Storage")
    assert (script["parallel"], script["parallel_name"]) == (1, "Run along other instances of this script")
    assert script["timeout"] == "0:10:00" and script["packages"] == {"apt": ["fio"]} and script["default"] is False
    assert script["parameters"] == {"storage": {"type": "storage"}} and script["results"] == {}
    assert script["resource_uri"] == "/MAAS/api/2.0/scripts/my-test"
    assert [version["comment"] for version in script["history"]] == ["first"]
    assert script["history"][0]["created"].endswith(" -0000") and "data" not in script["history"][0]
    for name in ("my-test", str(script["id"])):
        assert api.admin.get(f"scripts/{name}").json() == script
    whole = api.admin.get("scripts/my-test", include_script="1").json()
    assert base64.b64decode(whole["history"][0]["data"]) == TEXT
    assert api.admin.get("scripts/my-test?op=download").body == TEXT

    again = TEXT.replace(b"exit 0", b"exit 1")
    changed = api.admin.cli("scripts/my-test", ("script", again), ("tags", "a, b"), ("timeout", "90"), method="PUT").json()
    assert changed["tags"] == ["a", "b"] and changed["timeout"] == "0:10:00" and len(changed["history"]) == 2
    assert api.admin.put("scripts/my-test", timeout="90").json()["timeout"] == "0:01:30"
    assert api.admin.get("scripts/my-test?op=download").body == again
    first = script["history"][0]["id"]
    assert api.admin.get("scripts/my-test?op=download", revision=first).body == TEXT
    assert api.admin.get("scripts/my-test?op=download", revision=first + 1000).status == 404
    assert len(api.admin.post("scripts/my-test?op=revert", to="-1").json()["history"]) == 1
    assert api.admin.get("scripts/my-test?op=download").body == TEXT
    assert api.admin.post("scripts/my-test?op=revert", to="-1").status == 404

    assert api.admin.post("scripts/my-test?op=add_tag", tag="c").json()["tags"] == ["a", "b", "c"]
    assert api.admin.post("scripts/my-test?op=add_tag", tag="c").json()["tags"] == ["a", "b", "c"]
    assert api.admin.post("scripts/my-test?op=remove_tag", tag="a").json()["tags"] == ["b", "c"]
    assert api.admin.put("scripts/my-test", name="your-test").json()["name"] == "your-test"
    assert api.admin.delete("scripts/your-test").status == 204
    gone = api.admin.get("scripts/your-test")
    assert gone.status == 404 and gone.text == "No Script matches the given query."


def test_lists(api):
    names = [script["name"] for script in api.admin.get("scripts/").json()]
    assert names == sorted(names) and {"20-maas-03-machine-resources", "maas-lshw", "smartctl-validate", "memtester"} <= set(names)
    assert all(set(script) == KEYS and script["default"] for script in api.admin.get("scripts/").json())
    testing = [script["name"] for script in api.admin.get("scripts/", type="testing").json()]
    assert "memtester" in testing and "maas-lshw" not in testing
    assert [script["name"] for script in api.admin.get("scripts/", filters="commissioning").json()] == ["smartctl-validate"]
    assert [script["name"] for script in api.admin.get("scripts/", filters="7z,ntp").json()] == ["7z", "ntp"]
    memory = api.admin.get("scripts/", hardware_type="memory").json()
    assert memory and {script["hardware_type_name"] for script in memory} == {"Memory"}
    assert api.admin.get("scripts/", type="cook").status == 400
    assert api.user("scripts-plain").get("scripts/").status == 200


def test_defaults_are_kept(api):
    assert api.admin.delete("scripts/memtester").status == 400
    assert "__all__" in api.admin.put("scripts/memtester", title="Mine").json()
    assert api.admin.cli("scripts/memtester", ("script", TEXT), method="PUT").status == 400
    assert api.admin.put("scripts/memtester", timeout="1:00:00", tags="memory,mine").json()["timeout"] == "1:00:00"
    assert api.admin.post("scripts/memtester?op=revert", to="-1").status == 400


def test_bad_input(api):
    def refused(*params):
        reply = api.admin.cli("scripts/", *params)
        assert reply.status == 400, reply.text
        return reply.json()

    assert "script" in refused(("name", "x"))
    assert refused(("name", "x"), ("script", b"echo"))["script"] == ["Must start with shebang."]
    assert "name" in refused(("script", b"#!/bin/sh\n"))
    assert "name" in refused(("name", "1234"), ("script", b"#!/bin/sh\n"))
    assert "name" in refused(("name", "memtester"), ("script", b"#!/bin/sh\n"))
    assert refused(("name", "x"), ("timeout", "soon"), ("type", "cook"), ("script", b"#!/bin/sh\n")).keys() == {"timeout", "type"}
    broken = TEXT.replace(b"testing", b"cooking")
    assert refused(("script", broken))["script"] == ["script_type: 'cooking' is none"]
    plain = api.user("scripts-poor")
    assert plain.cli("scripts/", ("script", TEXT)).status == 403
    assert plain.delete("scripts/memtester").status == 403


def test_as_older_clients_know_them(api):
    made = api.admin.cli("commissioning-scripts/", ("name", "old.sh"), ("content", b"#!/bin/sh\nexit 0\n"))
    assert made.status == 200 and made.json() == {"name": "old.sh", "content": "#!/bin/sh\nexit 0\n"}
    assert "old.sh" in api.admin.get("commissioning-scripts/").json()
    assert api.admin.get("commissioning-scripts/old.sh").body == b"#!/bin/sh\nexit 0\n"
    assert api.admin.cli("commissioning-scripts/old.sh", ("content", b"#!/bin/sh\n"), method="PUT").status == 200
    assert api.admin.get("commissioning-scripts/old.sh").body == b"#!/bin/sh\n"
    assert api.admin.get("commissioning-scripts/memtester").status == 404
    assert api.admin.delete("commissioning-scripts/old.sh").status == 204
    assert api.admin.get("commissioning-scripts/old.sh").status == 404
