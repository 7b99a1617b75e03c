"""HTTP boot of the rack: files, parts, odd requests, slow clients, and what each loader is told."""
import hashlib
import http.client
import json
import os
import random
import shutil
import socket
import subprocess
import threading
import time

import pytest

from boot import BootProgram, Tftp, TftpError, run

MAC, OTHER = "52:54:00:00:00:01", "52:54:00:00:00:02"
ANSWER = {"purpose": "enlist", "system_id": None, "hostname": "maas-enlist", "kernel": "vmlinuz", "initrd": "initrd.gz",
          "root": "root.squashfs", "preseed": "/MAAS/metadata/latest/enlist-preseed/?op=get_enlist_preseed",
          "options": "console=ttyS0 cc:{'datasource_list': ['MAAS']}end_cc", "keep": False}


class Request:
    def __init__(self, server, path, method="GET", **headers):
        connection = http.client.HTTPConnection(server.address, server.http, timeout=30)
        connection.putrequest(method, path, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name.replace("_", "-"), value)
        connection.endheaders()
        response = connection.getresponse()
        self.status, self.headers, self.body = response.status, response.headers, response.read()
        connection.close()

    @property
    def text(self):
        return self.body.decode()


@pytest.fixture(scope="module")
def images():
    source = random.Random(3)
    return {"vmlinuz": source.randbytes(3 << 20), "initrd.gz": source.randbytes(100000),
            "root.squashfs": source.randbytes(5 << 20), "cached.efi": source.randbytes(5000)}


@pytest.fixture
def server(tmp_path, images):
    (tmp_path / "boot" / "grub").mkdir(parents=True)
    (tmp_path / "boot" / "ipxe.efi").write_bytes(random.Random(4).randbytes(2 << 20))
    (tmp_path / "boot" / "grub" / "fs.lst").write_text("list")
    (tmp_path / "boot" / "empty").touch()
    cache = tmp_path / "cache"
    cache.mkdir()
    rows = []
    for name, content in images.items():
        sha256 = hashlib.sha256(content).hexdigest()
        (cache / sha256).write_bytes(content)
        rows.append({"file": name, "kind": "loader" if name.endswith(".efi") else "kernel", "size": len(content),
                     "sha256": sha256})
    (cache / "manifest.json").write_text(json.dumps({"manifest_version": 1, "files": rows}))
    program = BootProgram(tmp_path)
    yield program
    program.close()


def answers(server, mac=MAC, **changes):
    (server.region / f"{mac}.json").write_text(json.dumps({**ANSWER, **changes}))


def test_files(server, images):
    loader = (server.boot / "ipxe.efi").read_bytes()
    for path in ("/ipxe.efi", "//ipxe.efi", "/%69pxe.efi"):
        reply = Request(server, path)
        assert (reply.status, reply.body) == (200, loader)
    assert reply.headers["Content-Length"] == str(len(loader))
    assert Request(server, "/grub/fs.lst").text == "list"
    assert Request(server, "/empty").body == b""
    for name, content in images.items():
        reply = Request(server, f"/images/{name}")
        assert (reply.status, reply.body) == (200, content)
        assert reply.headers["ETag"] == f'"{hashlib.sha256(content).hexdigest()}"'
    assert Request(server, "/cached.efi").body == images["cached.efi"]  # a loader of the cache
    assert Request(server, "/vmlinuz").status == 404  # no loader
    for path in ("/nothing", "/images/nothing", "/", "/images/", "/grub", "/pxelinux.cfg/C0A80001"):
        assert Request(server, path).status == 404, path


def test_head(server, images):
    reply = Request(server, "/images/vmlinuz", "HEAD")
    assert (reply.status, reply.body) == (200, b"")
    assert reply.headers["Content-Length"] == str(len(images["vmlinuz"]))
    assert Request(server, "/nothing", "HEAD").status == 404


def test_parts(server, images):
    content, size = images["vmlinuz"], len(images["vmlinuz"])
    for header, first, last in (("bytes=0-0", 0, 0), ("bytes=5-1004", 5, 1004), (f"bytes={size - 1}-", size - 1, size - 1),
                                ("bytes=-10", size - 10, size - 1), (f"bytes=10-{size * 2}", 10, size - 1)):
        reply = Request(server, "/images/vmlinuz", Range=header)
        assert reply.status == 206 and reply.body == content[first:last + 1], header
        assert reply.headers["Content-Range"] == f"bytes {first}-{last}/{size}"
    reply = Request(server, "/images/vmlinuz", Range=f"bytes={size}-")
    assert reply.status == 416 and reply.headers["Content-Range"] == f"bytes */{size}"
    for header in ("bytes=5-1", "bytes=a-b", "lines=1-2", "bytes=0-1,5-6"):
        assert Request(server, "/images/vmlinuz", Range=header).body == content, header
    etag = reply.headers["ETag"]
    assert Request(server, "/images/vmlinuz", Range="bytes=0-9", If_Range=etag).status == 206
    assert Request(server, "/images/vmlinuz", Range="bytes=0-9", If_Range='"other"').status == 200
    assert Request(server, "/images/vmlinuz", If_None_Match=etag).status == 304


def test_kept_connection(server):
    connection = http.client.HTTPConnection(server.address, server.http, timeout=10)
    for _ in range(20):
        connection.request("GET", "/grub/fs.lst")
        assert connection.getresponse().read() == b"list"
    connection.close()


def test_refused(server):
    before = server.counts()["http_refused"]
    for path in ("/../answers", "/grub/../../answers", "/%2e%2e/answers", "/..%2fanswers", "/grub/%00fs.lst", "/.hidden",
                 "/grub%5cfs.lst", "/%zz", "/a%20b", "/" + "a" * 300):
        assert Request(server, path).status == 400, path
    for method in ("POST", "PUT", "DELETE", "OPTIONS", "PATCH"):
        reply = Request(server, "/ipxe.efi", method, Content_Length="0")
        assert reply.status == 405 and reply.headers["Allow"] == "GET, HEAD"
    assert server.counts()["http_refused"] == before + 15


def test_plain_http_1_0(server):
    """lpxelinux's own client."""
    with socket.create_connection((server.address, server.http)) as stream:
        stream.sendall(b"GET /grub/fs.lst HTTP/1.0\r\nHost: x\r\n\r\n")
        answer = b""
        while part := stream.recv(4096):
            answer += part
    assert answer.startswith(b"HTTP/1.") and answer.endswith(b"\r\n\r\nlist")


def first_served(server, path, seconds):
    """The first request that is served: until the server has seen that the client's others ended, it turns new ones away."""
    end = time.monotonic() + seconds
    while True:
        try:
            return Request(server, path)
        except (ConnectionResetError, http.client.RemoteDisconnected):
            assert time.monotonic() < end, f"turned away for {seconds} s"
            time.sleep(0.02)


def test_slow_clients_starve_nobody(server, images):
    slow = []
    for _ in range(60):
        stream = socket.create_connection((server.address, server.http))
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        stream.sendall(b"GET /images/root.squashfs HTTP/1.1\r\nHost: x\r\n\r\n")
        slow.append(stream)
    start = time.monotonic()
    assert Request(server, "/grub/fs.lst").text == "list"
    assert time.monotonic() - start < 2
    more = socket.create_connection((server.address, server.http))  # at most 64 of one client
    extra = [socket.create_connection((server.address, server.http)) for _ in range(8)]
    extra[-1].settimeout(5)
    assert extra[-1].recv(1) == b""
    for stream in [*slow, *extra, more]:
        stream.close()
    assert first_served(server, "/images/vmlinuz", 5).body == images["vmlinuz"]


def test_first_configurations(server):
    assert Request(server, "/ipxe.cfg").text == (
        f"#!ipxe\nchain --replace --timeout 20000 http://127.0.0.1:{server.http}/ipxe.cfg-${{mac:hexhyp}}"
        "?platform=${platform}&uuid=${uuid}&timeout=1 ||\n"
        f"chain --replace http://127.0.0.1:{server.http}/ipxe.cfg-${{mac:hexhyp}}?platform=${{platform}}&uuid=${{uuid}}\n")
    assert Request(server, "/grub/grub.cfg").text == "configfile $prefix/grub.cfg-$net_default_mac\nexit 1\n"


def test_each_loader_is_told_in_its_language(server):
    answers(server)
    base = f"http://127.0.0.1:{server.http}/images"
    line = ("cloud-config-url=http://127.0.0.1:5240/MAAS/metadata/latest/enlist-preseed/?op=get_enlist_preseed "
            f"root=squash:{base}/root.squashfs BOOTIF=01-52-54-00-00-00-01 console=ttyS0 "
            "cc:{'datasource_list': ['MAAS']}end_cc")
    url = "/ipxe.cfg-52-54-00-00-00-01?platform=pcbios"
    assert Request(server, "/images/initrd.gz").status == 200  # but not yet the kernel
    assert "kernel http://" in Request(server, url + "&timeout=1").text
    assert Request(server, "/images/vmlinuz").status == 200
    assert "kernel --timeout 20000 http://" in Request(server, url + "&timeout=1").text
    ipxe = Request(server, url).text
    assert ipxe.splitlines() == ["#!ipxe", f"kernel {base}/vmlinuz initrd=initrd {line} || goto again",
                                 f"initrd --name initrd {base}/initrd.gz || goto again", "boot ||",
                                 ":again", "sleep 3", "imgfree ||", "dhcp netX && chain --replace ${filename} || reboot"]
    assert f"    APPEND {line}\n" in Request(server, "/pxelinux.cfg/01-52-54-00-00-00-01").text
    client = Tftp(server.tftp)
    grub, _ = client.get("/grub/grub.cfg-52:54:00:00:00:01", blksize=1024, tsize=0)
    assert b" cc:\\{datasource_list: \\[MAAS\\]\\}end_cc; then\n    if initrd /images/initrd.gz; then\n" in grub
    client.close()


def test_images_by_tftp(server, images):
    client = Tftp(server.tftp)
    content, options = client.get("/images/vmlinuz", blksize=1024, tsize=0)
    assert content == images["vmlinuz"] and options["tsize"] == len(content)
    client.close()


def test_without_a_region(server):
    """Kept answers are given, machines that ran our system last are to wait, others get nothing; also after a restart."""
    answers(server, purpose="commissioning", keep=True)
    answers(server, OTHER, keep=False)
    for mac in (MAC, OTHER):
        assert Request(server, f"/ipxe.cfg-{mac}").status == 200
    shutil.rmtree(server.region)

    def look(program):
        assert "kernel" in Request(program, f"/ipxe.cfg-{MAC}").text
        assert "sleep" in Request(program, f"/ipxe.cfg-{OTHER}").text
        assert "reboot.c32" in Request(program, "/pxelinux.cfg/01-52-54-00-00-00-02").text
        assert "configfile" in Request(program, f"/grub/grub.cfg-{OTHER}").text
        reply = Request(program, "/ipxe.cfg-52-54-00-00-00-03")
        assert reply.status == 503 and reply.headers["Retry-After"]
        client = Tftp(program.tftp)
        with pytest.raises(TftpError):
            client.get("/grub/grub.cfg-52:54:00:00:00:03")
        client.close()

    look(server)
    deadline = time.monotonic() + 5
    while not (server.folder / "answers").exists() or OTHER not in (server.folder / "answers").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    server.program.kill()  # no time to write anything
    server.program.wait()
    again = BootProgram(server.folder)
    shutil.rmtree(again.region)
    look(again)
    server.program, server.tftp, server.http = again.program, again.tftp, again.http


def test_a_region_that_knows_no_machine(server):
    assert Request(server, "/ipxe.cfg-52-54-00-00-00-09").status == 404


def test_bad_answers_are_not_passed_on(server):
    for changes in ({"purpose": "dance"}, {"kernel": "../x"}, {"options": "a\nb"}, {"preseed": "x"}, {"kernel": None}):
        answers(server, **changes)
        assert Request(server, f"/ipxe.cfg-{MAC}").status == 400, changes
    answers(server, options="a ${b}")  # iPXE cannot say it, others can
    assert Request(server, f"/ipxe.cfg-{MAC}").status == 400
    assert "\\$\\{b\\}" in Request(server, f"/grub/grub.cfg-{MAC}").text


def test_standard_clients(server, images, tmp_path):
    for argv in (["curl", "-sSf", "-o"], ["busybox", "wget", "-q", "-O"]):
        to = tmp_path / "got"
        result = run(*argv, to, server.url("images/vmlinuz"))
        assert result.returncode == 0, result.stderr
        assert to.read_bytes() == images["vmlinuz"]


def test_many_at_once(server, images):
    wrong = []

    def fetch():
        for _ in range(5):
            if Request(server, "/images/vmlinuz").body != images["vmlinuz"]:
                wrong.append(1)

    threads = [threading.Thread(target=fetch) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_it_ends_while_clients_are_connected(server):
    stream = socket.create_connection((server.address, server.http))
    stream.sendall(b"GET /images/root.squashfs HTTP/1.1\r\nHost: x\r\n\r\n")
    stream.recv(10)
    client = Tftp(server.tftp)
    client.ask("/images/root.squashfs")
    client.receive()
    server.program.stdin.close()
    assert server.program.wait(timeout=10) == 0
    server.program = subprocess.Popen(["true"], stdin=subprocess.PIPE)
    stream.close()
    client.close()
