"""Leaves out the tests that are for a higher level of scripts/test than the one that runs (default: ci)."""
import os

LEVELS = ("quick", "ci", "full")


def pytest_collection_modifyitems(config, items):
    level = os.environ.get("GANTRY_TEST_LEVEL", "ci")
    reach = LEVELS.index(level) if level in LEVELS else len(LEVELS)
    left_out = []
    for item in list(items):
        mark = item.get_closest_marker("level")
        if mark and LEVELS.index(mark.args[0]) > reach:
            items.remove(item)
            left_out.append(item)
    if left_out:
        config.hook.pytest_deselected(items=left_out)
