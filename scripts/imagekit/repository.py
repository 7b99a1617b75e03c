"""A small repository of Debian packages: what the scripts of a region name in their headers and the systems that run them lack,
with all that it needs. Signed with the mirror's key; the rack serves it below images/, as any other file.

apt itself says which packages those are, from what dpkg knows of each system.
"""
import hashlib
import lzma
import pathlib
import re
import subprocess
import time

from imagekit import packages, stream

HERE = pathlib.Path(__file__).resolve().parent
SCRIPTS = HERE.parents[1] / "src" / "region" / "scripts"
ARCHITECTURE, COMPONENT = "amd64", "main"
FOLDER = "apt"
STATUS = "var/lib/dpkg/status"


def named(scripts=SCRIPTS):
    """The Debian packages that the headers of the scripts name."""
    found = set()
    for path in scripts.iterdir():
        for words in re.findall(r"^# packages: \{apt: \[(.*)\]\}$", path.read_text(encoding="utf-8"), re.MULTILINE):
            found.update(word.strip() for word in words.split(","))
    if not found:
        raise packages.PackagesError(f"{scripts}: no script names a package")
    return sorted(found)


def file_name(archive):
    """Of the letters that images have in their names; apt reads it from the list."""
    return re.sub(r"[^A-Za-z0-9.-]", "_", archive.replace("%3a", "_"))


def fetch(system, wanted, out):
    """The archives that this root (a squashfs) needs for the wanted packages, into the folder out."""
    state = out / "state"
    subprocess.run(["unsquashfs", "-quiet", "-no-progress", "-force", "-dest", state, system, STATUS], check=True, stdout=subprocess.DEVNULL)
    (out / "archives" / "partial").mkdir(parents=True, exist_ok=True)
    (out / "sources.list").write_text("\n".join(packages.sources()) + "\n", encoding="utf-8")
    options = {"Dir::State::status": state / STATUS, "Dir::State::extended_states": state / "extended_states",
               "Dir::Cache::archives": out / "archives", "Dir::Etc::sourcelist": out / "sources.list", "Dir::Etc::sourceparts": "-",
               "Dir::Cache::pkgcache": "", "Dir::Cache::srcpkgcache": "", "APT::Install-Recommends": "false",
               "APT::Sandbox::User": "root", "Debug::NoLocking": "true"}
    packages.logged(["apt-get", *[f"-o{name}={value}" for name, value in options.items()], "-q", "-y", "--download-only", "install",
                     *wanted], out / "build.log")


def entry(archive, path):
    """The paragraph of an archive in the list of packages."""
    body = archive.read_bytes()
    return (packages.run(["dpkg-deb", "--field", str(archive)]).rstrip() +
            f"\nFilename: {path}\nSize: {len(body)}\nSHA256: {hashlib.sha256(body).hexdigest()}\n")


def release(suite, lists, now):
    """The text that is signed: lists is {name below the suite's folder: bytes}."""
    head = {"Origin": "Gantry", "Label": "Gantry", "Suite": suite, "Codename": suite,
            "Date": time.strftime("%a, %d %b %Y %H:%M:%S UTC", time.gmtime(now)), "Architectures": ARCHITECTURE, "Components": COMPONENT,
            "Description": "What scripts need on machines"}
    sums = "".join(f" {hashlib.sha256(body).hexdigest()} {len(body)} {name}\n" for name, body in sorted(lists.items()))
    return "".join(f"{key}: {value}\n" for key, value in head.items()) + "SHA256:\n" + sums


def lay_out(archives, suite, out):
    """The repository without its signature in the folder out: pool and lists. How many packages it has."""
    pool = out / "pool"
    pool.mkdir(parents=True)
    paragraphs = []
    for archive in sorted(archives):
        target = pool / file_name(archive.name)
        if target.exists():
            raise packages.PackagesError(f"two packages would be {target.name}")
        archive.rename(target)
        paragraphs.append(entry(target, f"pool/{target.name}"))
    text = "\n".join(paragraphs).encode()
    folder = f"{COMPONENT}/binary-{ARCHITECTURE}"
    lists = {f"{folder}/Packages": text, f"{folder}/Packages.xz": lzma.compress(text)}
    suite_folder = out / "dists" / suite
    (suite_folder / folder).mkdir(parents=True)
    for name, body in lists.items():
        (suite_folder / name).write_bytes(body)
    (suite_folder / "Release").write_text(release(suite, lists, time.time()), encoding="utf-8")
    return len(paragraphs)


def build(systems, wanted, out, say):
    """Fill the folder out: repository/, of what these root file systems lack of the wanted packages."""
    for system in systems:
        fetch(system, wanted, out)
    count = lay_out(out.glob("archives/*.deb"), packages.suite(), out / "repository")
    say(f"packages: {count} of {len(wanted)} wanted ones and what they need")


def sign(folder, home):
    """{file below folder: bytes} of the signed list, and the entry's properties that say how apt is to read it."""
    suite = packages.suite()
    text = (folder / "dists" / suite / "Release").read_bytes()
    with stream.key_of(home) as key:
        body = stream.gpg(home, "--clearsign", "--digest-algo", "SHA512", stdin=text)
    return f"dists/{suite}/InRelease", body, {"os": "debian", "release": suite, "architecture": ARCHITECTURE, "components": [COMPONENT],
                                             "key": key}
