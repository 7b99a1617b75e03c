#!/usr/bin/python3
"""removed.py TREE PATTERN: takes the packages whose names match out of a tree of Debian, and has dpkg know it.

What depends on them stays and does without; should apt install something later that needs one of them in earnest, it comes
again. Run on the host as a hook of mmdebstrap; the tree's own apt says at the end whether all is well.
"""
import pathlib
import re
import subprocess
import sys


def fields(stanza):
    """[[name, text], ...]; lines that go on belong to the text."""
    return [part.split(":", 1) for part in re.split(r"\n(?! )", stanza)]


def without(depends, gone):
    """A list of dependencies in which nothing is named that is gone; a group of which nothing is left goes."""
    groups = []
    for group in depends.split(","):
        kept = [word.strip() for word in group.split("|") if not gone.fullmatch(re.split(r"[\s:(]", word.strip())[0])]
        if kept:
            groups.append(" | ".join(kept))
    return ", ".join(groups)


def thinned(status, gone):
    """The text of dpkg's status without these packages, and their names with the architecture as dpkg's own files have it."""
    kept, names = [], []
    for stanza in status.strip().split("\n\n"):
        found = dict(fields(stanza))
        name, arch = found["Package"].strip(), found.get("Architecture", "").strip()
        if gone.fullmatch(name):
            names += [name, f"{name}:{arch}"]
            continue
        lines = [(key, " " + without(text, gone) if key in ("Depends", "Pre-Depends") else text) for key, text in fields(stanza)]
        kept.append("\n".join(f"{key}:{text}" for key, text in lines if text.strip() or key not in ("Depends", "Pre-Depends")))
    return "\n\n".join(kept) + "\n\n", names


def remove(tree, gone):
    dpkg = tree / "var/lib/dpkg"
    text, names = thinned((dpkg / "status").read_text(encoding="utf-8"), gone)
    for name in names:
        files = dpkg / "info" / f"{name}.list"
        for line in files.read_text(encoding="utf-8").splitlines() if files.exists() else ():
            path = tree / line.lstrip("/")
            if path.is_symlink() or path.is_file():
                path.unlink()
        for path in (dpkg / "info").glob(f"{name}.*"):
            path.unlink()
    (dpkg / "status").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    remove(pathlib.Path(sys.argv[1]), re.compile(sys.argv[2]))
    subprocess.run(["chroot", sys.argv[1], "apt-get", "check"], check=True)
