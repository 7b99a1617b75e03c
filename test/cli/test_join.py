"""gantry cluster join: the exchange over TLS with the CA known by its fingerprint alone."""
import base64
import hashlib
import json
import os
import ssl
import stat
import subprocess

import pytest

from conftest import Endpoint


def openssl(folder, *argv, stdin=None):
    return subprocess.run(["openssl", *argv], cwd=folder, input=stdin, check=True, capture_output=True).stdout


def make_authority(folder, name):
    openssl(folder, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{name}.key",
            "-out", f"{name}.pem", "-subj", f"/O={name}/CN={name} CA", "-days", "30")


def make_region(folder, authority, role="region"):
    openssl(folder, "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "region.key",
            "-out", "region.csr", "-subj", f"/O={authority}/OU={role}/CN=region1")
    leaf = sign(folder, authority, (folder / "region.csr").read_bytes())
    (folder / "region.pem").write_bytes(leaf + (folder / f"{authority}.pem").read_bytes())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "region.pem", folder / "region.key")
    return context


def sign(folder, authority, csr):
    return openssl(folder, "x509", "-req", "-CA", f"{authority}.pem", "-CAkey", f"{authority}.key", "-CAcreateserial", "-days", "30",
                   stdin=csr)


def make_token(folder, authority, addresses, **changes):
    der = ssl.PEM_cert_to_DER_cert((folder / f"{authority}.pem").read_text())
    token = {"id": "t1", "secret": "s1", "role": "rack", "ca": hashlib.sha256(der).hexdigest(), "addresses": addresses, **changes}
    return base64.urlsafe_b64encode(json.dumps(token).encode()).rstrip(b"=").decode()


@pytest.fixture(name="site")
def make_site(tmp_path):
    """A cluster "lab" whose region answers joins, and a rack's configuration."""
    make_authority(tmp_path, "lab")
    endpoint = Endpoint(make_region(tmp_path, "lab"))

    def join(body):
        asked = json.loads(body)
        reply = {"system_id": "r4ck01", "certificate": sign(tmp_path, "lab", asked["csr"].encode()).decode(),
                 "ca": (tmp_path / "lab.pem").read_text(), "regions": [{"name": "region1", "address": "10.0.0.1", "port": 5251}]}
        return 200, "application/json", json.dumps(reply).encode()

    endpoint.answers["POST /MAAS/cluster/join"] = join
    config = tmp_path / "rackd.conf"
    config.write_text(f"[rack]\nname = rack1\ndata_dir = {tmp_path}/rack\nother = key of rackd's own\n")
    endpoint.folder, endpoint.config, endpoint.rack = tmp_path, config, tmp_path / "rack"
    endpoint.address = f"127.0.0.1:{endpoint.port}"
    yield endpoint
    endpoint.close()


def test_joined_rack_holds_what_rackd_needs(gantry, site):
    token = make_token(site.folder, "lab", ["127.0.0.1:1", site.address])
    result = gantry("cluster", "join", token, "--config", site.config)
    assert result.returncode == 0, result.stderr
    assert "rack1 joined as rack controller r4ck01" in result.stdout
    asked = json.loads(site.requests[0][3])
    assert {key: asked[key] for key in ("id", "secret", "role", "name")} == {
        "id": "t1", "secret": "s1", "role": "rack", "name": "rack1"}
    subject = openssl(site.folder, "x509", "-in", "rack/tls/rack.pem", "-noout", "-subject", "-nameopt", "RFC2253").decode()
    assert "CN=rack1" in subject and "OU=rack" in subject
    openssl(site.folder, "verify", "-CAfile", "rack/tls/ca.pem", "rack/tls/rack.pem")
    key = site.rack / "tls" / "rack.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert openssl(site.folder, "pkey", "-in", key, "-pubout") == openssl(site.folder, "x509", "-in", "rack/tls/rack.pem", "-noout", "-pubkey")
    assert json.loads((site.rack / "regions.json").read_text()) == {
        "name": "rack1", "system_id": "r4ck01", "regions": [{"name": "region1", "address": "10.0.0.1", "port": 5251}]}


def test_token_from_a_file_and_files_for_the_folders_owner(gantry, site):
    token = site.folder / "token"
    token.write_text(make_token(site.folder, "lab", [site.address]) + "\n")
    if os.geteuid() == 0:
        site.rack.mkdir()
        os.chown(site.rack, 65534, 65534)
    result = gantry("cluster", "join", f"@{token}", "--config", site.config)
    assert result.returncode == 0, result.stderr
    owner = site.rack.stat().st_uid
    assert {path.stat().st_uid for path in site.rack.rglob("*")} == {owner}


def refused(gantry, site, token, status, text, *words):
    result = gantry("cluster", "join", token, "--config", site.config, *words)
    assert result.returncode == status, result.stderr
    assert text in result.stderr
    left = {path.name for path in site.rack.rglob("*")} if site.rack.exists() else set()
    assert left <= {"joining.key"}  # of a question whose answer may have been lost
    return result


def test_region_of_another_cluster_is_not_told_the_secret(gantry, site):
    make_authority(site.folder, "evil")
    refused(gantry, site, make_token(site.folder, "evil", [site.address]), 3, "is not a region of the token's cluster")
    assert site.requests == []


def test_certificate_of_another_role_is_refused(gantry, site):
    endpoint = Endpoint(make_region(site.folder, "lab", role="rack"))
    refused(gantry, site, make_token(site.folder, "lab", [f"127.0.0.1:{endpoint.port}"]), 3, "is not a region")
    assert endpoint.requests == []
    endpoint.close()


def test_spent_token(gantry, site):
    site.answers["POST /MAAS/cluster/join"] = (403, "text/plain", b"this token was used or has expired")
    refused(gantry, site, make_token(site.folder, "lab", [site.address, "127.0.0.1:1"]), 3, "this token was used or has expired")


def test_no_region_answers(gantry, site):
    refused(gantry, site, make_token(site.folder, "lab", ["127.0.0.1:1"]), 6, "no region of the token answers")


def test_token_for_something_else(gantry, site):
    refused(gantry, site, make_token(site.folder, "lab", [site.address], role="operator"), 2, "this token is for operator")


def test_nothing_stays_of_a_refusal(gantry, site):
    site.answers["POST /MAAS/cluster/join"] = (410, "text/plain", b"the token has expired")
    refused(gantry, site, make_token(site.folder, "lab", [site.address]), 4, "the token has expired")
    assert not site.rack.exists()


def test_a_lost_answer_is_asked_for_with_the_same_key(gantry, site):
    """The cluster knows the bearer by the key: a token that was spent is good for it still."""
    token, join = make_token(site.folder, "lab", [site.address]), site.answers["POST /MAAS/cluster/join"]
    site.answers["POST /MAAS/cluster/join"] = (503, "text/plain", b"outcome unknown")
    refused(gantry, site, token, 6, "outcome unknown")
    assert stat.S_IMODE((site.rack / "joining.key").stat().st_mode) == 0o600
    site.answers["POST /MAAS/cluster/join"] = join
    assert gantry("cluster", "join", token, "--config", site.config).returncode == 0
    keys = [openssl(site.folder, "req", "-noout", "-pubkey", stdin=json.loads(request[3])["csr"].encode()) for request in site.requests]
    assert len(keys) == 2 and keys[0] == keys[1]
    assert not (site.rack / "joining.key").exists()


@pytest.fixture(name="region_site")
def make_region_site(site):
    """A region's configuration, and an answer as a cluster gives it to a region."""
    config = site.folder / "regiond.conf"
    config.write_text(f"[region]\nname = region2\naddress = 10.0.0.2\ndata_dir = {site.folder}/region\n"
                      "[vip]\naddress = 10.0.0.101/24\ninterface = mgmt0\n[ports]\nraft = 6250\n[log]\nlevel = debug\n")

    def join(body):
        reply = {"cluster": "lab", "cluster_id": "0" * 32, "id": 2, "seal_ring": "ab" * 32 + "\n",
                 "certificate": sign(site.folder, "lab", json.loads(body)["csr"].encode()).decode(),
                 "ca": (site.folder / "lab.pem").read_text(), "ca_key": (site.folder / "lab.key").read_text()}
        return 200, "application/json", json.dumps(reply).encode()

    site.answers["POST /MAAS/cluster/join"] = join
    site.config, site.region = config, site.folder / "region"
    return site


def test_joined_region_holds_what_regiond_needs(gantry, region_site):
    site = region_site
    token = make_token(site.folder, "lab", [site.address], role="region")
    result = gantry("cluster", "join", token, "--config", site.config)
    assert result.returncode == 0, result.stderr
    assert "region2 joined cluster lab as region 2" in result.stdout
    asked = json.loads(site.requests[0][3])
    assert asked["role"] == "region" and asked["name"] == "region2" and asked["address"] == "10.0.0.2"
    assert asked["ports"] == {"raft": 6250, "racks": 5251, "hop": 5252, "postgres": 5253, "health": 5239, "https": 5443}
    assert asked["vip"] == {"address": "10.0.0.101/24", "interface": "mgmt0", "http_port": 5240, "https_port": 5443}
    modes = {name: stat.S_IMODE((site.region / name).stat().st_mode)
             for name in ("ca/ca.key", "tls/region.key", "tls/seal.keys", "member.json")}
    assert set(modes.values()) == {0o600}, modes
    assert json.loads((site.region / "member.json").read_text()) == {"format": 1, "id": 2, "name": "region2", "fresh": True}
    openssl(site.folder, "verify", "-CAfile", "region/ca/ca.pem", "region/tls/region.pem")
    again = gantry("cluster", "join", token, "--config", site.config)
    assert again.returncode == 5 and "joined a cluster already" in again.stderr
    assert len(site.requests) == 1


def test_a_key_that_is_not_the_cas_is_no_membership(gantry, region_site):
    site, join = region_site, region_site.answers["POST /MAAS/cluster/join"]
    make_authority(site.folder, "other")

    def broken(body):
        reply = json.loads(join(body)[2])
        return 200, "application/json", json.dumps({**reply, "ca_key": (site.folder / "other.key").read_text()}).encode()

    site.answers["POST /MAAS/cluster/join"] = broken
    result = gantry("cluster", "join", make_token(site.folder, "lab", [site.address], role="region"), "--config", site.config)
    assert result.returncode != 0
    assert not (site.region / "member.json").exists()


def test_broken_answer(gantry, site):
    site.answers["POST /MAAS/cluster/join"] = (200, "application/json", b'{"system_id": "x"}')
    refused(gantry, site, make_token(site.folder, "lab", [site.address]), 1, "lacks a part")


def test_wrong_configuration(gantry, site):
    site.config.write_text("[rack]\ndata_dir = relative\n")
    refused(gantry, site, make_token(site.folder, "lab", [site.address]), 2, "rackd.conf:2")
    assert site.requests == []


def test_second_join_keeps_the_first(gantry, site):
    token = make_token(site.folder, "lab", [site.address])
    assert gantry("cluster", "join", token, "--config", site.config).returncode == 0
    before = (site.rack / "tls" / "rack.key").read_bytes()
    result = gantry("cluster", "join", token, "--config", site.config)
    assert result.returncode == 5 and "has joined a cluster already" in result.stderr
    assert (site.rack / "tls" / "rack.key").read_bytes() == before and len(site.requests) == 1
