"""Tags: made, laid on nodes, asked for."""
from test_machines import make

KEYS = {"name", "definition", "comment", "kernel_opts", "resource_uri"}


def test_life_of_a_tag(api):
    made = api.admin.post("tags/", name="gpu", comment="has one", kernel_opts="iommu=pt")
    assert made.status == 200 and set(made.json()) == KEYS, made.text
    assert made.json()["resource_uri"] == "/MAAS/api/2.0/tags/gpu/" and made.json()["definition"] == ""
    assert api.admin.get("tags/gpu/").json() == made.json()
    assert made.json() in api.admin.get("tags/").json()
    assert "name" in api.admin.post("tags/", name="gpu").json()
    changed = api.admin.put("tags/gpu/", name="gpu.2", comment="").json()
    assert (changed["name"], changed["comment"], changed["kernel_opts"]) == ("gpu.2", "", "iommu=pt")
    assert api.admin.get("tags/gpu/").status == 404
    assert api.admin.delete("tags/gpu.2/").status == 204
    assert api.admin.get("tags/gpu.2/").text == "No Tag matches the given query."


def test_bad_input(api):
    for params, field in (({}, "name"), ({"name": "a b"}, "name"), ({"name": "x" * 257}, "name"),
                          ({"name": "xpath", "definition": "//node"}, "definition")):
        reply = api.admin.post("tags/", **params)
        assert reply.status == 400 and field in reply.json(), reply.text
    assert api.user("tags-plain").post("tags/", name="mine").status == 403


def test_nodes_of_a_tag(api):
    api.admin.post("tags/", name="rack-a")
    one, two, three = (make(api.admin)["system_id"] for _ in range(3))
    uri = "tags/rack-a/?op=update_nodes"
    assert api.admin.post(uri, add=[one, two, "nobody"]).json() == {"added": 2, "removed": 0}
    assert api.admin.post(uri, add=[one, three], remove=[two]).json() == {"added": 1, "removed": 1}
    assert [m["system_id"] for m in api.admin.get("tags/rack-a/?op=machines").json()] == [one, three]
    assert [m["system_id"] for m in api.admin.get("tags/rack-a/?op=nodes").json()] == [one, three]
    for op in ("devices", "rack_controllers", "region_controllers"):
        assert api.admin.get(f"tags/rack-a/?op={op}").json() == []
    assert api.admin.get(f"machines/{one}/").json()["tag_names"] == ["rack-a"]
    assert api.admin.get(f"machines/{two}/").json()["tag_names"] == []
    assert api.admin.post(uri, add=two, definition="//node").status == 409
    plain = api.user("tag-nodes-plain")
    assert plain.post(uri, add=two).status == 403 and plain.get("tags/rack-a/?op=machines").status == 200
    assert api.admin.delete("tags/rack-a/").status == 204
    assert api.admin.get(f"machines/{one}/").json()["tag_names"] == []
