"""The repository of packages that build-images makes: apt itself reads it, and takes nothing that was changed."""
import os
import pathlib
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3] / "scripts"))
from imagekit import packages, removed, repository  # noqa: E402


def package(folder, name, version="1:2.0~a+b"):
    tree = folder / name
    (tree / "DEBIAN").mkdir(parents=True)
    (tree / "DEBIAN" / "control").write_text(f"Package: {name}\nVersion: {version}\nArchitecture: all\nMaintainer: Nobody <n@example.com>\n"
                                             "Description: words\n more of them\n", encoding="utf-8")
    archive = folder / f"{name}_{version.replace(':', '%3a')}_all.deb"
    subprocess.run(["dpkg-deb", "--build", "--root-owner-group", tree, archive], check=True, capture_output=True)
    return archive


@pytest.fixture(name="made")
def make_repository(tmp_path, monkeypatch):
    """(folder with the signed list, its properties)."""
    monkeypatch.setattr(packages, "suite", lambda: "bookworm")
    out = tmp_path / "made" / "repository"
    assert repository.lay_out([package(tmp_path, "one"), package(tmp_path, "two", "3")], "bookworm", out) == 2
    name, body, properties = repository.sign(out, tmp_path / "gpg")
    (out / name).write_bytes(body)
    return out, properties


def apt(folder, made, *argv):
    """apt-get with nothing but this repository and its key."""
    out, properties = made
    for name in ("lists/partial", "archives/partial", "cache"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "key.asc").write_text(properties["key"], encoding="ascii")
    (folder / "list").write_text(f"deb [signed-by={folder}/key.asc] file://{out} {properties['release']} {' '.join(properties['components'])}\n",
                                 encoding="utf-8")
    (folder / "status").touch()
    options = {"Dir::State::lists": folder / "lists", "Dir::State::status": folder / "status", "Dir::Cache": folder / "cache",
               "Dir::Cache::archives": folder / "archives", "Dir::Etc::sourcelist": folder / "list", "Dir::Etc::sourceparts": "-",
               "Dir::Etc::trusted": "/dev/null", "Dir::Etc::trustedparts": "/dev/null", "APT::Architecture": "amd64",
               "APT::Architectures": "amd64", "APT::Sandbox::User": "", "Debug::NoLocking": "true", "Acquire::Languages": "none",
               "Dir::State::extended_states": folder / "states"}
    done = subprocess.run(["apt-get", *[f"-o{name}={value}" for name, value in options.items()], "-y", *argv], capture_output=True,
                          text=True, check=False, env={"PATH": os.environ["PATH"], "LC_ALL": "C"})
    return done.returncode, done.stdout + done.stderr


def test_apt_takes_it(made, tmp_path):
    folder = tmp_path / "apt"
    for argv in (("--error-on=any", "update"), ("--download-only", "install", "one", "two")):
        status, text = apt(folder, made, *argv)
        assert status == 0, text
    assert sorted(path.name for path in (made[0] / "pool").iterdir()) == ["one_1_2.0_a_b_all.deb", "two_3_all.deb"]


def test_what_was_changed_is_refused(made, tmp_path):
    out = made[0]
    listed = out / "dists/bookworm/main/binary-amd64"
    text = (listed / "Packages").read_bytes()
    (listed / "Packages.xz").unlink()
    (listed / "Packages").write_bytes(text.replace(b"Version: 3", b"Version: 4"))
    status, said = apt(tmp_path / "apt", made, "--error-on=any", "update")
    assert status and "Hash Sum mismatch" in said or "unexpected size" in said, said
    (listed / "Packages").write_bytes(text)
    signed = out / "dists/bookworm/InRelease"
    signed.write_bytes(signed.read_bytes().replace(b"Origin: Gantry", b"Origin: Mallet"))
    status, said = apt(tmp_path / "apt2", made, "--error-on=any", "update")
    assert status and "signature" in said, said


def test_another_key_is_not_trusted(made, tmp_path):
    other = repository.sign(made[0], tmp_path / "gpg2")[2]
    assert other["key"] != made[1]["key"]
    status, said = apt(tmp_path / "apt", (made[0], other), "--error-on=any", "update")
    assert status and "NO_PUBKEY" in said, said


def test_names_are_those_of_images():
    assert repository.file_name("libc++_1%3a2.0~rc1+dfsg-1_amd64.deb") == "libc___1_2.0_rc1_dfsg-1_amd64.deb"


def test_scripts_name_their_packages(tmp_path):
    assert {"fio", "stress-ng", "memtester", "smartmontools"} <= set(repository.named())
    (tmp_path / "x").write_text("#!/bin/sh\n# packages: {apt: [b, a]}\n", encoding="utf-8")
    assert repository.named(tmp_path) == ["a", "b"]
    (tmp_path / "x").write_text("#!/bin/sh\n", encoding="utf-8")
    with pytest.raises(packages.PackagesError):
        repository.named(tmp_path)


STATUS = """Package: tool
Status: install ok installed
Architecture: amd64
Depends: libc6, python3:any, perl (>= 5) | perl-base
Description: x
 y

Package: python3
Status: install ok installed
Architecture: amd64
Description: z

Package: other
Status: install ok installed
Architecture: all
Pre-Depends: python3
Depends: libc6
"""


def test_removed_packages_are_not_missed(tmp_path):
    """Files, dpkg's own and the word of it that others depended on it go; what is shared with others stays as the folder it is."""
    dpkg = tmp_path / "var/lib/dpkg"
    (dpkg / "info").mkdir(parents=True)
    (tmp_path / "usr").mkdir()
    (tmp_path / "usr/python3").touch()
    (tmp_path / "usr/tool").touch()
    (dpkg / "status").write_text(STATUS, encoding="utf-8")
    (dpkg / "info/python3.list").write_text("/.\n/usr\n/usr/python3\n", encoding="utf-8")
    (dpkg / "info/python3.postinst").touch()
    (dpkg / "info/python3-x.list").touch()
    removed.remove(tmp_path, removed.re.compile("perl|python3"))
    assert sorted(os.listdir(tmp_path / "usr")) == ["tool"] and os.listdir(dpkg / "info") == ["python3-x.list"]
    text = (dpkg / "status").read_text(encoding="utf-8")
    assert "Package: python3" not in text and "Pre-Depends" not in text
    assert "Depends: libc6, perl-base\nDescription: x\n y\n\nPackage: other" in text
