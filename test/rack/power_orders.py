"""Power orders as a region gives them, for tests of drivers."""
import contextlib
import uuid

import pytest

from regions import Rackd, Refusal, Region, wait_for

SECRETS = ("s3cret:pw", "Geheim17", "s3cretpw")


def order(region, driver, action, parameters, timeout_ms=20000, request=None, **more):
    return region.link.call("power", timeout_s=timeout_ms / 1000 + 5, request=request or str(uuid.uuid4()), system_id="xyz789",
                            action=action, driver=driver, parameters=parameters, timeout_ms=timeout_ms, **more)["state"]


def refused(region, driver, action, parameters, **options):
    with pytest.raises(Refusal) as refusal:
        order(region, driver, action, parameters, **options)
    assert not [secret for secret in SECRETS if secret in refusal.value.message]
    return refusal.value


def machines_of(region, driver, parameters):
    """What a chassis lists, as a region gets it."""
    return region.link.call("power", request=str(uuid.uuid4()), system_id="chassis", action="list", driver=driver, parameters=parameters,
                            timeout_ms=20000)["machines"]


@contextlib.contextmanager
def linked_region(authority, folder, sets=()):
    """A region with a rack of its own, for all tests of a file; no secret may be in the rack's log."""
    region = Region(authority, "region1")
    region.rackd = Rackd(folder, authority, [region], sets=list(sets)).start()
    wait_for("the link", lambda: "linked, 127.0.0.1" in region.rackd.text())
    yield region
    text = region.rackd.text()
    region.rackd.close()
    region.close()
    print(text)
    assert not [secret for secret in SECRETS if secret in text]


def whole_life(region, driver, bmc, parameters):
    """Looks, on, on again (nothing is done), cycle, off, off again."""
    bmc.power = "off"
    assert order(region, driver, "query", parameters) == "off"
    assert order(region, driver, "on", parameters) == "on" and bmc.power == "on"
    before = len(bmc.changes())
    assert order(region, driver, "on", parameters) == "on"
    assert order(region, driver, "query", parameters) == "on"
    assert order(region, driver, "cycle", parameters) == "on"
    changes = len(bmc.changes())
    assert changes > before
    assert order(region, driver, "off", parameters) == "off" and bmc.power == "off"
    changes = len(bmc.changes())
    assert order(region, driver, "off", parameters) == "off" and len(bmc.changes()) == changes
    assert order(region, driver, "cycle", parameters) == "on" and bmc.power == "on"  # what is off is turned on
