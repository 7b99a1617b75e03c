"""gantry-rackd boots machines: TFTP, HTTP, images over mutual TLS, boot answers with and without regions, the proxy."""
import hashlib
import http.server
import json
import os
import ssl
import threading
import time
import urllib.request

import pytest

from dhcp_wire import BUILD, RACK, Fence, Wire, ip
from regions import Rackd, Region, wait_for

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: network namespaces")

MAC = "02:00:00:00:00:01"
KERNEL, ROOT = b"kernel " * 500000, b"root " * 1000000
ANSWER = {"purpose": "commissioning", "kernel": "vmlinuz", "initrd": "initrd.gz", "root": "root.squashfs",
          "preseed": "/MAAS/metadata/latest/by-id/abc/?op=get_preseed", "options": "quiet", "keep": False}
FILES = {"vmlinuz": KERNEL, "initrd.gz": b"initrd", "root.squashfs": ROOT}


class Hop:
    """A region's port 5252: images and /MAAS/ for who shows a rack's certificate."""

    def __init__(self, authority, name="region1", address="127.0.0.1"):
        self.requests, self.fail_next, self.name = [], 0, name
        manifest = {"manifest_version": 1, "files": [
            {"file": file, "kind": "kernel", "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
            for file, content in FILES.items()]}
        files = {"/images/manifest.json": json.dumps(manifest).encode(),
                 **{f"/images/{file}": content for file, content in FILES.items()}}
        hop = self

        class Answer(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                check = self.path == "/MAAS/api/2.0/version/" and self.headers["Host"] == "gantry"
                if not check:
                    hop.requests.append((self.command, self.path, dict(self.headers)))
                size = int(self.headers.get("Content-Length", 0))
                body = self.rfile.read(size)
                fails = not check and hop.fail_next > 0
                hop.fail_next -= fails
                answer = files.get(self.path, f"{hop.name} {self.command} {self.path} {body.decode()}".encode())
                self.send_response(503 if fails else 200)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            do_POST = do_GET

            def log_message(self, *_):
                pass

        self.http = http.server.ThreadingHTTPServer((address, 5252), Answer)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*authority.issue(name, "region"))
        context.load_verify_locations(authority.ca)
        context.verify_mode = ssl.CERT_REQUIRED
        self.http.socket = context.wrap_socket(self.http.socket, server_side=True)
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def asked(self, path):
        return [row for row in self.requests if row[1].split("?")[0] == path]

    def close(self):
        self.http.shutdown()
        self.http.server_close()


class Place:
    """A rack with one region, and a machine on its wire."""

    def __init__(self, authority, folder):
        self.wire = Wire()
        ip("-n", self.wire.client, "link", "set", "client0", "address", MAC)
        self.wire.client_address("10.77.0.100/24")
        self.region = self.wire.inside(lambda: Region(authority), self.wire.rack)
        self.region.answers.update(dhcp_config={"version": "v0", "networks": []}, leases={}, boot_config=ANSWER)
        self.hop = self.wire.inside(lambda: Hop(authority), self.wire.rack)
        boot = folder / "boot"
        boot.mkdir()
        (boot / "bootx64.efi").write_bytes(b"loader")
        self.rackd = Rackd(folder / "rackd", authority, [self.region],
                           ["provision.interfaces=rack0", f"rack.boot_dir={boot}"])
        self.start()

    def start_alone(self):
        """Without a region, and without waiting for anything."""
        self.wire.inside(self.rackd.start, self.wire.rack)
        Fence(self.wire, self.rackd.fence)

    def start(self):
        self.start_alone()
        for text in ("TFTP is served on rack0", "HTTP boot is served on rack0", "HAProxy runs", "linked"):
            wait_for(text, lambda text=text: text in self.rackd.text())

    def get(self, url, *argv):
        """(status, body) as the machine gets it."""
        result = self.wire.run("curl", "-s", "--path-as-is", "-w", "\n%{http_code}", *argv, url)
        body, _, status = result.stdout.rpartition("\n")
        return int(status), body

    def boot(self, path):
        return self.get(f"http://{RACK}:5248/{path}")

    def maas(self, path, *argv):
        return self.get(f"http://{RACK}:5240{path}", *argv)

    def metrics(self):
        url = f"http://127.0.0.1:{self.rackd.health_port}/metrics"
        text = self.wire.inside(lambda: urllib.request.urlopen(url, timeout=5).read().decode(), self.wire.rack)
        return dict(line.rsplit(" ", 1) for line in text.splitlines() if line and not line.startswith("#"))

    def close(self):
        self.rackd.close()
        self.hop.close()
        self.region.close()
        self.wire.close()


@pytest.fixture
def place(authority, tmp_path):
    made = Place(authority, tmp_path)
    yield made
    made.close()
    print(made.rackd.text())


def test_a_machine_gets_all_it_needs(place, tmp_path):
    assert place.wire.run("curl", "-s", f"tftp://{RACK}/bootx64.efi").stdout == "loader"
    assert place.boot("bootx64.efi") == (200, "loader")
    status, script = place.boot("ipxe.cfg-02-00-00-00-00-01?platform=efi&uuid=00000000-1111-2222-3333-444444444444")
    assert status == 200
    assert f"kernel http://{RACK}:5248/images/vmlinuz initrd=initrd " in script
    assert f"cloud-config-url=http://{RACK}:5240/MAAS/metadata/latest/by-id/abc/?op=get_preseed" in script
    params = next(params for method, params in place.region.calls if method == "boot_config")
    assert params == {"mac": MAC, "address": "10.77.0.100", "firmware": "uefi",
                      "hardware_uuid": "00000000-1111-2222-3333-444444444444"}
    for name, content in FILES.items():
        for url in (f"http://{RACK}:5248/images/{name}", f"tftp://{RACK}/images/{name}"):
            out = tmp_path / "out"
            assert place.wire.run("curl", "-s", "-o", out, url).returncode == 0
            assert out.read_bytes() == content, url
            out.unlink()
        assert len(place.hop.asked(f"/images/{name}")) == 1, "fetched once"
    assert place.boot("pxelinux.cfg/default")[0] == 200  # the kernel knows whose address it is
    assert place.boot("images/nothing")[0] == 404
    metrics = place.metrics()
    assert metrics["gantry_tftp_completed_total"] == str(1 + len(FILES))
    assert metrics["gantry_boot_sockets"] == metrics["gantry_boot_sockets_wanted"] == "2"
    assert metrics["gantry_boot_answers_region_total"] == "2"
    assert metrics["gantry_image_cache_fetched_bytes_total"] == str(sum(map(len, FILES.values())))


def test_who_asks_as_another_moves_nothing(place):
    """Its answer is no secret; where the other boots, and so where its key is given, is not what this one says."""
    def told(mac):
        return [params["address"] for method, params in place.region.calls if method == "boot_config" and params["mac"] == mac]

    assert place.boot("ipxe.cfg-02-00-00-00-00-02?platform=pcbios")[0] == 200
    assert place.wire.run("curl", "-s", f"tftp://{RACK}/grub/grub.cfg-02:00:00:00:00:02").returncode == 0
    assert place.wire.run("curl", "-s", f"tftp://{RACK}/pxelinux.cfg/01-02-00-00-00-00-02").returncode == 0
    assert told("02:00:00:00:00:02") == [None] * 3
    wait_for("the log", lambda: f"10.77.0.100 ({MAC}) asks as 02:00:00:00:00:02 what to boot" in place.rackd.text())
    assert place.boot("ipxe.cfg-02-00-00-00-00-01")[0] == 200
    assert place.wire.run("curl", "-s", f"tftp://{RACK}/pxelinux.cfg/01-02-00-00-00-00-01").returncode == 0
    assert told(MAC) == ["10.77.0.100"] * 2


def kept(place):
    """The answers on disk; the file comes with the first of them, up to a second later."""
    path = place.rackd.data / "boot-answers"
    return path.read_text() if path.exists() else ""


def test_without_a_region_it_goes_on(place):
    place.boot("ipxe.cfg-02-00-00-00-00-01")
    place.region.answers["boot_config"] = lambda params: {**ANSWER, "keep": params["mac"].endswith("02")}
    place.boot("ipxe.cfg-02-00-00-00-00-02")
    place.boot("images/vmlinuz")  # fetched, if the answers have not had it fetched yet
    wait_for("the answers on disk", lambda: MAC in kept(place))
    time.sleep(1.2)  # changes go to disk at most once a second
    place.region.close()
    place.hop.close()
    for restart in (False, True):
        if restart:
            place.rackd.kill()
            place.wire.inside(place.rackd.start, place.wire.rack)
            Fence(place.wire, place.rackd.fence)
            wait_for("HTTP boot", lambda: place.boot("bootx64.efi")[0] == 200)
        assert "sleep" in place.boot("ipxe.cfg-02-00-00-00-00-01")[1]
        assert "vmlinuz" in place.boot("ipxe.cfg-02-00-00-00-00-02")[1]
        assert place.boot("ipxe.cfg-02-00-00-00-00-03")[0] == 503
        assert place.wire.run("curl", "-s", "-o", "/dev/null", "-w", "%{size_download}",
                              f"http://{RACK}:5248/images/vmlinuz").stdout == str(len(KERNEL))


def test_forgotten_answers(place):
    place.region.answers["boot_config"] = {**ANSWER, "keep": True}
    place.boot("ipxe.cfg-02-00-00-00-00-01")
    place.region.link.note("boot_forget", mac=MAC)
    wait_for("the answer to be forgotten", lambda: f"{MAC} -" in kept(place))


def test_only_what_machines_need_passes_the_proxy(place):
    wait_for("the proxy", lambda: place.maas("/MAAS/api/2.0/version/")[0] == 200)
    assert place.maas("/MAAS/metadata/latest/x?op=y") == (200, "region1 GET /MAAS/metadata/latest/x?op=y ")
    assert place.maas("/MAAS/api/2.0/machines/", "-d", "a=b") == (200, "region1 POST /MAAS/api/2.0/machines/ a=b")
    before = len(place.hop.requests)
    for path in ("/", "/MAAS/", "/MAAS/api/2.0/users/", "/MAAS/api/2.0/machines/abc/", "/MAAS/api/2.0/machines",
                 "/MAAS/metadata", "/MAAS/metadata/../api/2.0/users/", "/MAAS/metadata/%2e%2e/api/2.0/users/",
                 "/MAAS/metadata/..%2fx", "/MAAS/metadata/\\..\\x", "/images/vmlinuz", "//MAAS/metadata/x",
                 "/MAAS/api/2.0/version/x"):
        assert place.maas(path)[0] in (400, 403), path
    assert len(place.hop.requests) == before


def test_the_proxy_says_who_asks_and_nobody_else_does(place):
    wait_for("the proxy", lambda: place.maas("/MAAS/api/2.0/version/")[0] == 200)
    place.maas("/MAAS/metadata/x", "-H", "X-Forwarded-For: 1.2.3.4", "-H", "X-Gantry-Hop: region1", "-H", "X-Request-Id: mine")
    headers = {name.lower(): value for name, value in place.hop.asked("/MAAS/metadata/x")[0][2].items()}
    assert headers["x-forwarded-for"] == "10.77.0.100"
    assert "x-gantry-hop" not in headers
    assert headers["x-request-id"] != "mine"


def test_one_machine_takes_no_more_than_its_share(place, tmp_path):
    wait_for("the proxy", lambda: place.maas("/MAAS/api/2.0/version/")[0] == 200)
    body = tmp_path / "body"
    body.write_bytes(b"x" * (8 << 20 | 1))
    # (413 comes before the body is read: curl may then fail to send the rest of it)
    assert place.maas("/MAAS/metadata/big", "-d", f"@{body}", "-H", "Expect:")[0] == 413
    assert place.maas("/MAAS/metadata/chunks", "-d", "x=1", "-H", "Transfer-Encoding: chunked")[0] == 400
    assert not place.hop.asked("/MAAS/metadata/big") and not place.hop.asked("/MAAS/metadata/chunks")
    many = tmp_path / "many"
    many.write_text(f'url = "http://{RACK}:5240/MAAS/forbidden"\noutput = /dev/null\n' * 2100)
    assert place.wire.run("curl", "-s", "-K", many).returncode == 0
    assert place.maas("/MAAS/metadata/more")[0] == 429
    place.wire.client_address("10.77.0.101/24")  # another machine is served
    assert place.maas("/MAAS/metadata/more")[0] == 200


def test_the_proxy_tries_again_with_the_same_id(place):
    wait_for("the proxy", lambda: place.maas("/MAAS/api/2.0/version/")[0] == 200)
    place.hop.fail_next = 2
    assert place.maas("/MAAS/metadata/again", "-d", "x=1")[0] == 200
    asked = place.hop.asked("/MAAS/metadata/again")
    ids = {headers.get("X-Request-Id") or headers.get("x-request-id") for _, _, headers in asked}
    assert len(asked) == 3 and len(ids) == 1


def test_a_stranger_is_no_region(place, authority, tmp_path):
    """A certificate of the cluster for another name, or role, is not talked to."""
    wait_for("the proxy", lambda: place.maas("/MAAS/api/2.0/version/")[0] == 200)
    place.hop.close()
    place.hop = place.wire.inside(lambda: Hop(authority, "rack9"), place.wire.rack)
    wait_for("the proxy to notice", lambda: place.maas("/MAAS/api/2.0/version/")[0] == 503)
    assert not place.hop.requests


def test_haproxy_comes_back(place):
    wait_for("the proxy", lambda: place.maas("/MAAS/api/2.0/version/")[0] == 200)
    with open(f"/proc/{place.rackd.process.pid}/task/{place.rackd.process.pid}/children", encoding="ascii") as file:
        children = [int(pid) for pid in file.read().split()]
    assert children
    for pid in children:
        os.kill(pid, 9)
    wait_for("the proxy again", lambda: place.maas("/MAAS/api/2.0/version/")[0] == 200)


def test_an_interface_made_anew(place):
    place.wire.unplug()
    place.wire.plug()
    place.wire.client_address("10.77.0.100/24")
    wait_for("HTTP boot again", lambda: place.boot("bootx64.efi") == (200, "loader"), 20)
    assert place.wire.run("curl", "-s", f"tftp://{RACK}/bootx64.efi").stdout == "loader"
    assert BUILD.exists()


def test_it_ends_in_good_order(place):
    place.boot("ipxe.cfg-02-00-00-00-00-01")
    assert place.rackd.stop() == 0
    assert MAC in (place.rackd.data / "boot-answers").read_text()
