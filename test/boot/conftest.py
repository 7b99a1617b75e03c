"""What a machine under test finds around it: a network in a namespace, images, and a region that checks what the
agent says (metadata.py)."""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("GANTRY_BUILD") or ROOT / "build" / "debug").resolve()
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "test"), str(pathlib.Path(__file__).resolve().parent)]

import bench as benches  # noqa: E402
import metadata  # noqa: E402


@pytest.fixture(name="build", scope="session")
def the_build():
    return BUILD


@pytest.fixture(name="images", scope="session")
def make_images(tmp_path_factory):
    """Everything scripts/build-images makes, with the agent of the build under test."""
    if os.geteuid() or not shutil.which("mmdebstrap"):
        pytest.skip("images are made by root with mmdebstrap (scripts/setup)")
    out = tmp_path_factory.mktemp("boot") / "images"
    subprocess.run([ROOT / "scripts" / "build-images", "--agent", BUILD / "gantry-agent", out], check=True, timeout=600)
    yield out
    shutil.rmtree(out)


@pytest.fixture(name="region")
def make_region():
    """A stand-in for the region on a free port of the loopback."""
    region = metadata.Region()
    region.listen("127.0.0.1", 0)
    yield region
    region.close()


@pytest.fixture(name="bench_of")
def make_bench(images):
    if not shutil.which("qemu-system-x86_64"):
        pytest.skip("no qemu (scripts/setup)")
    with tempfile.TemporaryDirectory(prefix="gantry-boot-") as folder:
        folder = pathlib.Path(folder)
        folder.chmod(0o755)  # tftpd reads as nobody
        shutil.copytree(images, folder / "images")
        made = []

        def bench_of(firmware):
            made.append(benches.Bench(firmware, folder / "images", folder))
            return made[-1]
        yield bench_of
        for bench in made:
            bench.close()
