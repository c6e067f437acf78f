"""The regions that `serve` is to have, from its options."""

from __future__ import annotations

import argparse

import pytest

from rig.cli.serve import port_number
from rig.cli.serve_regions import Defaults, region_option, regions_of
from rig.errors import UsageError
from rig.region import RegionSettings

DEFAULTS = Defaults("127.0.0.1", 8883, None, None)
ANY_PORTS = Defaults("127.0.0.1", 0, 0, None)
BROKER = Defaults("127.0.0.1", 0, None, "mqtt://127.0.0.1:1883")


def regions(defaults: Defaults, *texts: str) -> tuple[RegionSettings, ...]:
    return regions_of([region_option(text) for text in texts], defaults, port_number)


def test_without_a_word_there_is_one() -> None:
    assert regions(DEFAULTS) == (RegionSettings("us-east-1", "127.0.0.1", 8883, None, None),)


def test_the_first_one_has_what_the_other_options_say() -> None:
    assert regions(BROKER, "eu-west-1") == (
        RegionSettings("eu-west-1", "127.0.0.1", 0, None, "mqtt://127.0.0.1:1883"),
    )


def test_further_ones_say_what_they_have() -> None:
    told = "eu-west-1,host=127.0.0.2,mqtt-port=8884,plain-port=1884,broker=mqtt://127.0.0.1:1884"
    assert regions(BROKER, "us-east-1", told)[1] == RegionSettings(
        "eu-west-1", "127.0.0.2", 8884, 1884, "mqtt://127.0.0.1:1884"
    )
    assert regions(ANY_PORTS, "us-east-1", "eu-west-1")[1] == RegionSettings(
        "eu-west-1", "127.0.0.1", 0, 0, None
    )
    # The same port on another address: an endpoint needs no port then.
    there = regions(DEFAULTS, "us-east-1", "eu-west-1,host=127.0.0.2")[1]
    assert (there.host, there.tls_port, there.plain_port) == ("127.0.0.2", 8883, None)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "EU-WEST-1",
        "eu",
        "eu west",
        "../jobs",
        'eu-west-1"',
        "eu-" + "x" * 40,
        "eu-west-1,port=1",
        "eu-west-1,host",
        "eu-west-1,host=",
        "eu-west-1,",
    ],
)
def test_what_is_no_region(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        region_option(text)


@pytest.mark.parametrize(
    ("defaults", "texts", "words"),
    [
        (DEFAULTS, ("eu-west-1,mqtt-port=1",), "is the first one: say what it has by --host"),
        (ANY_PORTS, ("eu-west-1", "us-east-1", "eu-west-1"), "eu-west-1 is given twice"),
        (DEFAULTS, ("us-east-1", "eu-west-1"), "both listen on 127.0.0.1:8883"),
        (BROKER, ("us-east-1", "eu-west-1"), "needs a broker of its own"),
        (BROKER, ("us-east-1", "eu-west-1,broker=mqtt://127.0.0.1"), "have one broker"),
        (BROKER, ("us-east-1", "eu-west-1,broker=nonsense"), "begin with mqtt://"),
        (DEFAULTS, ("us-east-1", "eu-west-1,mqtt-port=70000"), "'70000' is not a port"),
    ],
)
def test_regions_that_would_get_in_each_others_way(
    defaults: Defaults, texts: tuple[str, ...], words: str
) -> None:
    with pytest.raises(UsageError) as raised:
        regions(defaults, *texts)
    assert words in str(raised.value)
    assert "\n" not in str(raised.value)
