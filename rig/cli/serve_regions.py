"""Which regions `serve` is to have, from its options."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from rig.errors import UsageError
from rig.gateway.endpoint import BrokerEndpoint
from rig.jobs.settings import DEFAULT_REGION
from rig.region import RegionSettings

SHAPE = "NAME[,host=H][,mqtt-port=N][,plain-port=N][,broker=URL]"
_NAME = re.compile(r"[a-z]{2}(-[a-z0-9]+){1,4}")
_MAX_NAME = 32


@dataclass(frozen=True)
class RegionOption:
    """One `--region`: the name, and what it says of itself."""

    name: str
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Defaults:
    """What the first region has, from options of their own."""

    host: str
    mqtt_port: int
    plain_port: int | None
    broker: str | None


def region_option(text: str) -> RegionOption:
    """Raises what argparse tells the user in one line."""
    name, *pairs = text.split(",")
    if len(name) > _MAX_NAME or not _NAME.fullmatch(name):
        raise argparse.ArgumentTypeError(f"{name!r} is not a region's name, such as eu-west-1")
    values = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if key not in {"host", "mqtt-port", "plain-port", "broker"} or not (equals and value):
            raise argparse.ArgumentTypeError(f"{pair!r} is not part of a region: write {SHAPE}")
        values[key] = value
    return RegionOption(name, values)


def regions_of(
    options: Sequence[RegionOption], defaults: Defaults, port_number: Callable[[str], int]
) -> tuple[RegionSettings, ...]:
    """All regions, the first one first; raises `UsageError` for such as would get in each other's
    way: regions do not share a port, nor a broker, where they would hear each other's news."""
    first, *more = options or (RegionOption(DEFAULT_REGION),)
    if first.values:
        raise UsageError(
            f"--region {first.name} is the first one: say what it has by --host, --mqtt-port, "
            "--plain-port and --broker"
        )
    regions = [
        RegionSettings(
            first.name, defaults.host, defaults.mqtt_port, defaults.plain_port, defaults.broker
        )
    ]
    for option in more:
        regions.append(_further(option, defaults, port_number))
        _check_apart(regions)
    return tuple(regions)


def _further(
    option: RegionOption, defaults: Defaults, port_number: Callable[[str], int]
) -> RegionSettings:
    values = option.values
    # 0 picks another port each time; any other plain port is the first region's.
    plain: int | None = 0 if defaults.plain_port == 0 else None
    try:
        mqtt = port_number(values["mqtt-port"]) if "mqtt-port" in values else defaults.mqtt_port
        plain = port_number(values["plain-port"]) if "plain-port" in values else plain
    except argparse.ArgumentTypeError as error:
        raise UsageError(f"--region {option.name}: {error}") from None
    broker = values.get("broker")
    if broker is None and defaults.broker is not None:
        raise UsageError(
            f"region {option.name} needs a broker of its own beside --broker: "
            f"--region {option.name},broker=mqtt://host:port"
        )
    return RegionSettings(option.name, values.get("host", defaults.host), mqtt, plain, broker)


def _check_apart(regions: Sequence[RegionSettings]) -> None:
    *others, new = regions
    for other in others:
        if other.name == new.name:
            raise UsageError(f"region {new.name} is given twice")
        if new.tls_port and (other.host, other.tls_port) == (new.host, new.tls_port):
            raise UsageError(
                f"regions {other.name} and {new.name} would both listen on "
                f"{new.host}:{new.tls_port}: give one another mqtt-port or host"
            )
        if new.broker is not None and other.broker is not None:
            one, two = BrokerEndpoint.parse(other.broker), BrokerEndpoint.parse(new.broker)
            if (one.host, one.port) == (two.host, two.port):
                raise UsageError(
                    f"regions {other.name} and {new.name} have one broker, {two}: devices would "
                    "hear the other region's news, give each its own"
                )
