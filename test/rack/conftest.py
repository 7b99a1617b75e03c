"""What tests of gantry-rackd share: see regions.py."""
import pytest

import power_fakes
from regions import Authority, Rackd, Region


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture
def make_region(authority):
    made = []

    def make(name="region1"):
        made.append(Region(authority, name))
        return made[-1]
    yield make
    for region in made:
        region.close()


@pytest.fixture
def make_rackd(authority, tmp_path):
    made = []

    def make(*regions, **options):
        made.append(Rackd(tmp_path / f"rackd{len(made)}", authority, regions, **options))
        return made[-1].start()
    yield make
    for rackd in made:
        rackd.close()
        print(f"--- log of {rackd.folder.name}\n{rackd.text()}")


@pytest.fixture
def fake(tmp_path):
    made = []

    def make(kind, **options):
        made.append(getattr(power_fakes, kind)(tmp_path, **options))
        return made[-1]
    yield make
    for each in made:
        each.close()
