"""Functions of the ephemeral system's first program, in busybox's shell: a rack that falls silent is left."""
import http.server
import pathlib
import re
import subprocess
import threading
import time

import pytest

INIT = pathlib.Path(__file__).resolve().parents[3] / "scripts" / "imagekit" / "init"
ROOT = bytes(200_000)


class Rack(http.server.BaseHTTPRequestHandler):
    """`manner`: "well"; "silent" after half of it; "mute" from the beginning."""

    manner, done = "well", threading.Event()

    def log_message(self, *_):
        pass

    def do_GET(self):
        if self.manner == "mute":
            self.done.wait(20)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(ROOT)))
        self.end_headers()
        self.wfile.write(ROOT[:100_000])
        if self.manner == "silent":
            self.done.wait(20)
        else:
            self.wfile.write(ROOT[100_000:])


@pytest.fixture(name="rack_url")
def make_rack():
    Rack.done.clear()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Rack)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/root.squashfs"
    Rack.done.set()
    server.shutdown()


def fetch(folder, url):
    """(exit status, seconds as the function counts them) of fetch_root(); its seconds pass ten times as fast."""
    function = re.search(r"^watch_transfer\(\) \{\n.*?^fetch_root\(\) \{\n.*?^\}\n", INIT.read_text(encoding="utf-8"), re.M | re.S)[0]
    assert "sleep 2;" in function
    function = function.replace("/image/", f"{folder}/").replace("/run/", f"{folder}/").replace("sleep 2;", "sleep 0.2;")
    start = time.monotonic()
    done = subprocess.run(["/bin/busybox", "sh", "-c", f"root='{url}'\n{function}fetch_root"], capture_output=True, check=False,
                          timeout=30)
    return done.returncode, (time.monotonic() - start) * 10


@pytest.mark.parametrize("manner, status, least_s, most_s", [
    ("well", 0, 0, 9), ("silent", 143, 10, 25), ("mute", 143, 15, 30)])
def test_a_transfer_that_stands_still_is_broken_off(tmp_path, rack_url, manner, status, least_s, most_s):
    Rack.manner = manner
    got, seconds = fetch(tmp_path, rack_url)
    assert got == status and least_s <= seconds <= most_s
    if manner == "well":
        assert (tmp_path / "root.squashfs").read_bytes() == ROOT


def test_nobody_there(tmp_path):
    assert fetch(tmp_path, "http://127.0.0.1:9/root.squashfs")[0] not in (0, 143)
