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
    assert not site.rack.exists()
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


def test_token_for_a_region(gantry, site):
    refused(gantry, site, make_token(site.folder, "lab", [site.address], role="region"), 2, "this token is for a region")


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
