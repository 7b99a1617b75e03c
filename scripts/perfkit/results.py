"""Rounds of measuring on disk: written after each one, so that a run can be taken up again, and shown as a table."""
import json
import statistics

HEAD = ("fault", "client", "n", "failed", "median", "most", "lost", "twice", "note")


class Results:
    """{cell: [round]} of one build and profile. A round is an object; `error` in it says that it failed."""

    def __init__(self, path, about):
        self.path, self.about, self.cells = path, about, {}

    def take_up(self):
        """Goes on with a file that was measured with the same; another one is left behind by the first round."""
        try:
            old = json.loads(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return
        if old["about"] == self.about:
            self.cells = old["cells"]

    def count(self, cell):
        return len(self.cells.get(cell, ()))

    def add(self, cell, row):
        self.cells.setdefault(cell, []).append(row)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        part = self.path.with_suffix(".part")
        part.write_text(json.dumps({"about": self.about, "cells": self.cells}, indent=1) + "\n", encoding="utf-8")
        part.replace(self.path)


def short(value, unit):
    """1234.5, "ms" -> 1234 ms; small numbers keep a digit."""
    return f"{value:.0f} {unit}" if abs(value) >= 10 or value == int(value) else f"{value:.1f} {unit}"


def of(rows, key):
    return [row[key] for row in rows if key in row]


def line(cell, rows):
    """One row of the table: what a cell measures is in `measured`, the value's unit in `unit`."""
    good = [row for row in rows if "error" not in row]
    fault, _, client = cell.partition("/")
    values = of(good, "value")
    unit = good[0]["unit"] if good else ""
    notes = {}
    for row in good:
        for key, value in row.get("notes", {}).items():
            notes.setdefault(key, []).append(value)
    note = ", ".join(f"{key} {statistics.median(several):.4g}..{max(several):.4g}" if min(several) != max(several) else
                     f"{key} {several[0]:.4g}" for key, several in notes.items())
    return (fault, client, str(len(good)), str(len(rows) - len(good)), short(statistics.median(values), unit) if values else "-",
            short(max(values), unit) if values else "-", str(sum(of(rows, "lost"))), str(sum(of(rows, "twice"))), note)


def table(cells):
    """The lines of the table."""
    rows = [HEAD, *(line(cell, rounds) for cell, rounds in cells.items())]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]
