"""The rack's TFTP server with the clients there are, with odd requests, and over a link that loses packets."""
import os
import random
import socket
import struct
import threading

import pytest

from boot import CLIENT, SERVER, BootProgram, LossyLink, Network, Tftp, TftpError, run

LARGE = 32 << 20


@pytest.fixture(scope="module")
def files():
    source = random.Random(7)
    return {"large": source.randbytes(LARGE), "middle": source.randbytes(700001), "one": b"1", "empty": b"",
            "even": source.randbytes(1024), "dir/nested.c32": source.randbytes(3000)}


def fill(folder, files):
    for name, content in files.items():
        path = folder / "boot" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (folder / "boot" / "outside").symlink_to("/etc/hostname")
    (folder / "boot" / "within").symlink_to("one")
    os.mkfifo(folder / "boot" / "pipe")


@pytest.fixture(scope="module")
def server(tmp_path_factory, files):
    folder = tmp_path_factory.mktemp("tftp")
    (folder / "boot").mkdir()
    fill(folder, files)
    program = BootProgram(folder)
    yield program
    program.close()


@pytest.fixture(scope="module")
def network():
    if os.geteuid():
        pytest.skip("needs root: network namespaces")
    made = Network("tftp-test")
    yield made
    made.close()


@pytest.fixture(scope="module")
def wired(network, tmp_path_factory, files):
    """The server on port 69 at the far end of a cable."""
    folder = tmp_path_factory.mktemp("wired")
    (folder / "boot").mkdir()
    fill(folder, files)
    program = BootProgram(folder, SERVER, (69, 5248), network.server)
    yield program
    program.close()


@pytest.fixture
def client(server):
    made = Tftp(server.tftp)
    yield made
    made.close()


CLIENTS = {
    "tftp-hpa": lambda name, to: ["tftp", "-m", "octet", SERVER, "-c", "get", name, to],
    "busybox": lambda name, to: ["busybox", "tftp", "-g", "-b", "1468", "-l", to, "-r", name, SERVER],
    "busybox512": lambda name, to: ["busybox", "tftp", "-g", "-l", to, "-r", name, SERVER],
    "curl": lambda name, to: ["curl", "-sS", "--tftp-blksize", "1400", "-o", to, f"tftp://{SERVER}/{name}"],
    "curl-plain": lambda name, to: ["curl", "-sS", "--tftp-no-options", "-o", to, f"tftp://{SERVER}/{name}"],
    "atftp": lambda name, to: ["atftp", "--option", "blksize 1428", "--option", "windowsize 16", "-g", "-r", name, "-l", to,
                               SERVER],
}


@pytest.mark.parametrize("which", CLIENTS)
def test_clients(wired, network, files, tmp_path, which):
    for name in ("large", "middle", "one", "even", "dir/nested.c32"):
        to = tmp_path / "got"
        result = run(*network.on_client(*CLIENTS[which](name, to)))
        assert result.returncode == 0, result.stderr
        assert to.read_bytes() == files[name], name
        to.unlink()
    if which != "curl":  # which takes a size of 0 for a mistake
        run(*network.on_client(*CLIENTS[which]("empty", to)))
        assert to.read_bytes() == b""


def test_path_carries_1500_bytes(wired, network):
    """What the cable does not carry in one packet is not agreed to."""
    script = ("import sys; sys.path.insert(0, %r); from boot import Tftp, SERVER\n"
              "print(Tftp(69, SERVER).get('middle', blksize=65464, tsize=0)[1])" % os.path.dirname(__file__))
    result = run(*network.on_client("/usr/bin/python3", "-c", script), text=True)
    assert result.stdout == "{'blksize': 1468, 'tsize': 700001}\n", result.stderr
    assert wired.address == SERVER and CLIENT != SERVER


@pytest.mark.parametrize("blksize", [8, 9, 511, 512, 513, 1024, 1428, 1468, 1469, 8192, 65463, 65464])
def test_block_sizes(client, files, blksize):
    name = "even" if blksize < 100 else "middle"
    content, options = client.get(name, blksize=blksize)
    assert options == {"blksize": blksize}
    assert content == files[name]


@pytest.mark.parametrize("windowsize", [1, 2, 7, 16, 63, 64])
def test_windows(client, files, windowsize):
    content, options = client.get("middle", blksize=1024, windowsize=windowsize, tsize=0, timeout=3)
    assert options == {"blksize": 1024, "windowsize": windowsize, "tsize": 700001, "timeout": 3}
    assert content == files["middle"]


def test_past_block_65535(client, files):
    content, _ = client.get("large", blksize=256, windowsize=32)  # 131072 blocks
    assert content == files["large"]


@pytest.mark.parametrize("options", [{"blksize": 1024}, {"blksize": 1468, "windowsize": 64}, {"blksize": 65464, "windowsize": 2}])
def test_what_the_page_cache_lacks(client, server, files, options):
    with open(server.boot / "middle", "rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    assert client.get("middle", **options)[0] == files["middle"]


def test_too_much_is_answered_with_less(client, files):
    content, options = client.get("middle", blksize=65535, windowsize=65535)
    assert options == {"blksize": 65464, "windowsize": 2}
    assert content == files["middle"]


def test_only_what_is_below_the_folder(client, server, files):
    refused = server.counts()["refused"]
    bad = ["../log", "/../../etc/passwd", "dir/../one", "..", "./one", ".hidden", "dir\\nested.c32", "..\\log",
           "a b", "\xe4", "one\n"]
    for name in bad:
        with pytest.raises(TftpError) as caught:
            client.get(name)
        assert caught.value.code == 2, name
    assert server.counts()["refused"] == refused + len(bad)
    for name in ("outside", "pipe", "dir", "nothing", "one/two", "/", ""):
        with pytest.raises(TftpError) as caught:
            client.get(name)
        assert caught.value.code in (0, 1), name
    for name in ("/one", "//one", "within"):
        assert client.get(name)[0] == b"1"
    assert client.get("/dir//nested.c32")[0] == files["dir/nested.c32"]


def test_missing_files_are_answered_at_once(server):
    for name in ("revocations_sku.efi", "revocations_sbat.efi", "shim_certificate_0.efi"):
        client = Tftp(server.tftp, timeout_s=1)
        with pytest.raises(TftpError) as caught:
            client.get(name, tsize=0, blksize=1468, windowsize=4)
        assert (caught.value.code, caught.value.text) == (1, "File not found")
        client.close()


def test_nothing_is_written(client, server):
    with pytest.raises(TftpError) as caught:
        client.get("one", kind=2)
    assert caught.value.code == 2
    assert (server.boot / "one").read_bytes() == b"1"


def test_options_that_no_standard_allows(client):
    for options in ({"blksize": 7}, {"blksize": 0}, {"blksize": "x"}, {"blksize": -1}, {"blksize": 65536},
                    {"timeout": 0}, {"timeout": 256}, {"windowsize": 0}, {"tsize": "9" * 30}):
        with pytest.raises(TftpError) as caught:
            client.get("one", **options)
        assert caught.value.code == 8, options
    assert client.get("one", rollover=0, multicast="")[1] == {}  # unknown ones are passed over


def test_text_mode_is_refused(client):
    with pytest.raises(TftpError) as caught:
        client.get("one", mode="netascii")
    assert "octet" in caught.value.text


def test_what_is_not_tftp_is_counted_and_not_answered(client, server):
    before = server.counts()["malformed"]
    bad = [b"", b"\0", b"\0\1", b"\0\1one", b"\0\1one\0octet", b"\0\1one\0binary\0", b"\0\7x\0octet\0", b"\0\4\0\1",
           b"\0\1one\0octet\0blksize\0", b"\0\1" + b"a" * 300 + b"\0octet\0", b"\0\1" + b"a" * 2000]
    client.socket.settimeout(0.1)
    for raw in bad:
        client.ask("", raw=raw)
        with pytest.raises(socket.timeout):
            client.receive()
    assert server.counts()["malformed"] == before + len(bad)


def test_repeated_request_is_one_transfer(client, server):
    for _ in range(5):
        client.ask("middle", blksize=1024)
    client.receive()
    client.socket.settimeout(0.2)
    with pytest.raises(socket.timeout):
        client.receive()
    assert server.counts()["running"] == 1
    client.socket.sendto(struct.pack(">HH", 5, 0) + b"enough\0", client.peer)
    wait_for_none(server)


def test_a_request_that_was_repeated_before_the_answer_came(client, server):
    """Under load both requests of an impatient client wait here, and the second is read after the first was answered and
    acknowledged: the client is connected to that answer's port and would hear no other."""
    client.ask("middle")
    assert client.receive()[1] == 1
    peer = client.peer
    client.acknowledge(1)
    assert client.receive()[1] == 2
    client.ask("middle")
    for block in range(2, 20):
        client.acknowledge(block)
        while (number := client.receive()[1]) == block:  # sent again
            pass
        assert number == block + 1 and client.peer == peer
    assert server.counts()["running"] == 1
    # Much later it is a client that begins anew, from the same port.
    threading.Event().wait(1.1)
    client.socket.setblocking(False)
    while True:
        try:
            client.receive()  # sent again meanwhile
        except BlockingIOError:
            break
    client.socket.settimeout(5)
    client.ask("middle")
    assert client.receive()[1] == 1 and client.peer != peer
    client.socket.sendto(struct.pack(">HH", 5, 0) + b"enough\0", client.peer)
    wait_for_none(server)


def test_a_client_that_keeps_its_port(client, server, files):
    for _ in range(50):
        assert client.get("dir/nested.c32", blksize=1024)[0] == files["dir/nested.c32"]
        assert client.get("one")[0] == b"1"
    client.ask("middle", blksize=1024)
    client.receive()
    client.acknowledge(0)
    client.receive()
    other = client.peer
    assert client.get("one")[0] == b"1"  # the one that was begun is left
    assert client.peer != other
    wait_for_none(server)


def wait_for_none(server):
    for _ in range(200):
        if not server.counts()["running"]:
            return
        threading.Event().wait(0.02)
    raise AssertionError(server.counts())


def test_a_client_that_vanishes_frees_its_place(server):
    client = Tftp(server.tftp)
    client.ask("middle", blksize=1024, windowsize=4)
    client.receive()
    client.close()  # its port is closed: the next packet says so
    before = server.counts()["aborted"]
    wait_for_none(server)
    assert server.counts()["aborted"] >= before


def test_one_client_cannot_take_all_places(server):
    clients = [Tftp(server.tftp) for _ in range(40)]
    refused = 0
    for client in clients:
        client.ask("middle", blksize=1024)
        try:
            client.receive()
        except TftpError as error:
            assert "too many" in error.text
            refused += 1
    assert refused == 8
    for client in clients:
        client.close()
    wait_for_none(server)


def ask_twice(server, name):
    """What any client does when it hears nothing."""
    for timeout_s in (0.3, 5):
        client = Tftp(server.tftp, timeout_s=timeout_s)
        try:
            return client.get(name)[0]
        except socket.timeout:
            pass
        finally:
            client.close()
    return None


def test_requests_in_many_names_leave_room(server, files):
    """As a flood with forged addresses: nobody acknowledges anything, and who does is served."""
    strangers = []
    try:
        for number in range(1300):
            stranger = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            stranger.bind((f"127.0.{1 + number // 250}.{1 + number % 250}", 0))
            stranger.sendto(struct.pack("!H", 1) + b"middle\0octet\0", ("127.0.0.1", server.tftp))
            strangers.append(stranger)
            if number % 50 == 0:
                threading.Event().wait(0.01)  # the socket's buffer is no part of this
            if number % 325 == 324:
                assert ask_twice(server, "one") == files["one"]
        assert 900 < server.counts()["running"] <= 1024
        assert server.counts()["limited"]
    finally:
        for stranger in strangers:
            stranger.close()
    wait_for_none(server)


@pytest.mark.parametrize("loss,repeat,windowsize", [(0.01, 0, 1), (0.05, 0.05, 1), (0.02, 0.02, 8), (0.1, 0.1, 16)])
def test_lossy_link(server, files, loss, repeat, windowsize):
    link = LossyLink(("127.0.0.1", server.tftp), loss, repeat, seed=windowsize)
    client = Tftp(link.port, timeout_s=0.5)
    try:
        content = None
        for _ in range(20):  # a lost request is asked again, by another client
            try:
                content, _ = client.get("middle", blksize=1468, windowsize=windowsize)
                break
            except (socket.timeout, TftpError):
                client.close()
                client = Tftp(link.port, timeout_s=0.5)
        assert content == files["middle"]
        assert link.lost
    finally:
        client.close()
        link.close()


def test_many_at_once(server, files):
    wrong = []

    def fetch(number):
        client = Tftp(server.tftp, timeout_s=20)
        content, _ = client.get("middle", blksize=1024 + number, windowsize=1 + number)
        if content != files["middle"]:
            wrong.append(number)
        client.close()

    threads = [threading.Thread(target=fetch, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
