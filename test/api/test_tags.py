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
                          ({"name": "xpath", "definition": "//node["}, "definition")):
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


def test_rules(api):
    """A tag with a definition lies on the machines whose lshw it matches."""
    big, small, silent = (make(api.admin)["system_id"] for _ in range(3))
    for system_id, xml in ((big, "<list><node class='display'><size>9</size></node></list>"),
                           (small, "<list><node class='disk'/></list>")):
        api.sql(f"""
            WITH s AS (INSERT INTO script_set (node_id, type) SELECT id, 0 FROM node WHERE system_id = '{system_id}' RETURNING id)
            INSERT INTO script_result (script_set_id, name, status, output)
            SELECT id, 'maas-lshw', 2, convert_to($xml${xml}$xml$, 'UTF8') FROM s""")

    def holders(tag):
        return {machine["system_id"] for machine in api.admin.get(f"tags/{tag}/?op=machines").json()}

    rule = "//node[@class='display']/size > 8"
    made = api.admin.post("tags/", name="graphics", definition=rule)
    assert made.status == 200 and made.json()["definition"] == rule, made.text
    assert holders("graphics") == {big}
    api.admin.put("tags/graphics/", definition="//node[@class='disk']")
    assert holders("graphics") == {small}
    api.sql(f"DELETE FROM node_tag WHERE node_id = (SELECT id FROM node WHERE system_id = '{small}')")
    assert api.admin.post("tags/graphics/?op=rebuild").json() == {"rebuilding": "graphics"}
    assert holders("graphics") == {small} and silent not in holders("graphics")
    for bad in ("//node[", "count(", "x" * 5000):
        assert "definition" in api.admin.put("tags/graphics/", definition=bad).json()
    assert api.user("rules-plain").post("tags/graphics/?op=rebuild").status == 403
