"""A rack's token: signed once, for its bearer as often as it asks, and for nobody else."""
import base64
import json
import subprocess
import uuid

JOIN = "https://10.89.0.100:5443/MAAS/cluster/join"


def make_token(lab):
    text = json.loads(lab.gantry("--json", "cluster", "token", "create", "--role", "rack").stdout)["token"]
    token = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    assert token["addresses"] == ["10.89.0.100:5443"] and token["role"] == "rack"
    return {"id": token["id"], "secret": token["secret"], "role": "rack"}


def make_csr(folder, name):
    subprocess.run(["openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", folder / "key",
                    "-out", folder / "csr", "-subj", f"/OU=rack/CN={name}"], check=True, capture_output=True)
    return (folder / "csr").read_text()


def join(lab, body, url=JOIN):
    text = body if isinstance(body, str) else json.dumps(body)
    return lab.http(url, "-k", "-X", "POST", "-H", "Content-Type: application/json", "--data-binary", text)


def test_one_use_for_one_bearer(lab, tmp_path):
    name = f"rack-{uuid.uuid4().hex[:6]}"
    body = {**make_token(lab), "name": name, "csr": make_csr(tmp_path, name)}
    status, text = join(lab, body)
    assert status == 200, text
    first = json.loads(text)
    assert first["regions"] == [{"name": "region1", "address": "10.89.0.11", "port": 5251}]
    (tmp_path / "rack.pem").write_text(first["certificate"])
    (tmp_path / "ca.pem").write_text(first["ca"])
    subprocess.run(["openssl", "verify", "-CAfile", tmp_path / "ca.pem", tmp_path / "rack.pem"], check=True, capture_output=True)
    subject = subprocess.run(["openssl", "x509", "-in", tmp_path / "rack.pem", "-noout", "-subject"], check=True, text=True,
                             capture_output=True).stdout
    assert "OU = rack" in subject and f"CN = {name}" in subject
    status, text = join(lab, body)  # the answer was lost: the same bearer asks again
    assert status == 200 and json.loads(text)["system_id"] == first["system_id"]
    assert [rack["system_id"] for rack in lab.status()["racks"] if rack["name"] == name] == [first["system_id"]]
    status, text = join(lab, {**body, "name": f"{name}x", "csr": make_csr(tmp_path, f"{name}x")})
    assert status == 410 and "used already" in text
    status, text = join(lab, {**make_token(lab), "name": name, "csr": make_csr(tmp_path, name)})
    assert status == 409 and f"a rack {name} already" in text


def test_what_is_refused(lab, tmp_path):
    token, csr = make_token(lab), make_csr(tmp_path, "rackz")
    body = {**token, "name": "rackz", "csr": csr}
    index = lab.status()["members"][0]["raft_index"]
    for changed, code, words in (({**body, "secret": "wrong"}, 401, "does not know this token"),
                                 ({**body, "id": "nobody"}, 401, "does not know this token"),
                                 ({**body, "role": "region"}, 403, "the token is for a rack"),
                                 ({**body, "name": "two words"}, 400, "correct [rack] name"),
                                 ({**body, "csr": "no request"}, 400, "signing request"),
                                 ({**body, "csr": csr.replace("A", "B", 3)}, 400, "signing request"),
                                 ({"id": token["id"]}, 400, "secret: expected"),
                                 ("[]", 400, "no JSON object"), ("x" * 70000, 413, "larger than")):
        if isinstance(changed, str) and len(changed) > 1000:
            (tmp_path / "big").write_text(changed)
            changed = f"@{tmp_path}/big"
        status, text = join(lab, changed)
        assert status == code and words in text, (status, text)
    status, text = join(lab, body, "http://10.89.0.100:5240/MAAS/cluster/join")
    assert status == 403 and "join over https" in text
    assert lab.status()["members"][0]["raft_index"] == index  # who has no token cannot fill the log
    assert join(lab, body)[0] == 200  # the token is as good as before
    result = lab.gantry("cluster", "token", "create", "--role", "machine", check=False)
    assert result.returncode == 2 and "expected region or rack" in result.stderr


def test_a_removed_rack_leaves_its_name(lab, tmp_path):
    name = f"rack-{uuid.uuid4().hex[:6]}"
    assert join(lab, {**make_token(lab), "name": name, "csr": make_csr(tmp_path, name)})[0] == 200
    assert lab.gantry("rack", "remove", name).returncode == 0
    again = lab.gantry("rack", "remove", name, check=False)
    assert again.returncode == 4 and f"no rack is named {name}" in again.stderr
    status, text = join(lab, {**make_token(lab), "name": name, "csr": make_csr(tmp_path, name)})
    assert status == 200, text
    assert [rack["name"] for rack in lab.status()["racks"]].count(name) == 1


def test_the_only_region_stays(lab):
    result = lab.gantry("cluster", "remove", "region1", check=False)
    assert result.returncode == 5 and "only region" in result.stderr
    result = lab.gantry("cluster", "remove", "region9", check=False)
    assert result.returncode == 4 and "no region is named region9" in result.stderr
