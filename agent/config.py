"""The device's configuration file: one JSON object, checked completely before anything starts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

MAX_CONFIG_BYTES = 1 << 20
DATA_PROTOCOLS = ("MQTT", "HTTP")
DEFAULT_SLOT_SIZE = 4 << 20


class ConfigError(Exception):
    """The configuration cannot be used; the message is one line for the user."""


@dataclass(frozen=True)
class Declares:
    """What the device states about itself (times in seconds, sizes in bytes)."""

    block_size: int = 4096
    window: int = 8
    request_timer_s: float = 10.0
    self_test_timer_s: float = 16.0
    momentum: int = 32
    status_frequency: int = 64
    data_protocols: tuple[str, ...] = DATA_PROTOCOLS
    primary_data_protocol: str = "MQTT"
    allow_downgrade: bool = False
    trial_time_s: float = 36.0


@dataclass(frozen=True)
class MqttEndpoint:
    """Where the broker is; TLS when ``ca`` is given."""

    host: str
    port: int
    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None


@dataclass(frozen=True)
class AgentConfig:
    """One device."""

    thing: str
    root: Path
    mqtt: MqttEndpoint
    signer_keys: tuple[Path, ...] = ()
    http_ca: Path | None = None
    declares: Declares = field(default_factory=Declares)
    product: str = "reference"
    slot_size: int = DEFAULT_SLOT_SIZE
    faults: tuple[str, ...] = ()


_REQUIRED = object()


class _Section:
    """Typed reading of one JSON object, with the path of the key in every complaint."""

    def __init__(self, value: Any, where: str) -> None:
        if not isinstance(value, Mapping):
            raise ConfigError(f"{where or 'the configuration'} must be a JSON object")
        self._value = value
        self._where = where
        self._seen: set[str] = set()

    def _name(self, key: str) -> str:
        return f"{self._where}.{key}" if self._where else key

    def get(self, key: str, kinds: type | tuple[type, ...], default: Any = _REQUIRED) -> Any:
        self._seen.add(key)
        value = self._value.get(key)
        if value is None:
            if default is _REQUIRED:
                raise ConfigError(f"{self._name(key)} is missing")
            return default
        wanted = kinds if isinstance(kinds, tuple) else (kinds,)
        if not isinstance(value, wanted) or (isinstance(value, bool) and bool not in wanted):
            names = " or ".join(kind.__name__ for kind in wanted)
            raise ConfigError(f"{self._name(key)} must be {names}, not {value!r:.40}")
        return value

    def number(self, key: str, default: float, minimum: float) -> float:
        value = self.get(key, (int, float), default)
        if not minimum <= value < float("inf"):
            raise ConfigError(f"{self._name(key)} must be at least {minimum:g}, not {value}")
        return float(value)

    def integer(self, key: str, default: Any, minimum: int, maximum: int) -> int:
        value = self.get(key, int, default)
        if not minimum <= value <= maximum:
            raise ConfigError(f"{self._name(key)} must be {minimum} to {maximum}, not {value}")
        return int(value)

    def path(self, key: str) -> Path | None:
        value = self.get(key, str, None)
        return None if value is None else Path(value)

    def texts(self, key: str, default: tuple[str, ...]) -> tuple[str, ...]:
        value = self.get(key, list, None)
        if value is None:
            return default
        if not all(isinstance(item, str) for item in value):
            raise ConfigError(f"{self._name(key)} must be a list of texts")
        return tuple(value)

    def end(self) -> None:
        """Refuse keys nobody asked for: a misspelt one would be silently without effect."""
        unknown = sorted(set(self._value) - self._seen)
        if unknown:
            raise ConfigError(f"unknown key {self._name(unknown[0])}")


def _declares(section: _Section) -> Declares:
    base = Declares()
    self_test_s = section.number("self_test_timer_s", base.self_test_timer_s, 0.05)
    declares = Declares(
        block_size=section.integer("block_size", base.block_size, 256, 1 << 17),
        window=section.integer("window", base.window, 1, 512),
        request_timer_s=section.number("request_timer_s", base.request_timer_s, 0.01),
        self_test_timer_s=self_test_s,
        momentum=section.integer("momentum", base.momentum, 1, 1 << 16),
        status_frequency=section.integer("status_frequency", base.status_frequency, 1, 1 << 16),
        data_protocols=section.texts("data_protocols", base.data_protocols),
        primary_data_protocol=section.get("primary_data_protocol", str, ""),
        allow_downgrade=section.get("allow_downgrade", bool, base.allow_downgrade),
        trial_time_s=section.number("trial_time_s", 2 * self_test_s + 4, 0.05),
    )
    if declares.block_size & (declares.block_size - 1):
        raise ConfigError(f"declares.block_size must be a power of two, not {declares.block_size}")
    if declares.block_size * declares.window > 1 << 17:
        raise ConfigError("declares.block_size times declares.window must be at most 131072 bytes")
    offered = declares.data_protocols
    if not offered or any(name not in DATA_PROTOCOLS for name in offered):
        raise ConfigError(f"declares.data_protocols must name MQTT, HTTP or both, not {offered}")
    primary = declares.primary_data_protocol or offered[0]
    if primary not in offered:
        raise ConfigError(f"declares.primary_data_protocol {primary} is not in data_protocols")
    return Declares(**{**declares.__dict__, "primary_data_protocol": primary})


def parse_config(value: Any) -> AgentConfig:
    """The configuration in a decoded JSON value. Raises :class:`ConfigError`."""
    top = _Section(value, "")
    mqtt = _Section(top.get("mqtt", Mapping), "mqtt")
    endpoint = MqttEndpoint(
        host=mqtt.get("host", str),
        port=mqtt.integer("port", _REQUIRED, 1, 65535),
        ca=mqtt.path("ca"),
        cert=mqtt.path("cert"),
        key=mqtt.path("key"),
    )
    mqtt.end()
    for name, path in (("ca", endpoint.ca), ("cert", endpoint.cert), ("key", endpoint.key)):
        if path is not None and not path.is_file():
            raise ConfigError(f"mqtt.{name}: no such file: {path}")
    declares_section = _Section(top.get("declares", Mapping, {}), "declares")
    config = AgentConfig(
        thing=top.get("thing", str),
        root=Path(top.get("root", str)),
        mqtt=endpoint,
        signer_keys=tuple(Path(key) for key in top.texts("signer_keys", ())),
        http_ca=top.path("http_ca"),
        declares=_declares(declares_section),
        product=top.get("product", str, "reference"),
        slot_size=top.integer("slot_size", DEFAULT_SLOT_SIZE, 64, 1 << 31),
        faults=top.texts("faults", ()),
    )
    declares_section.end()
    top.end()
    if not 1 <= len(config.thing) <= 128:
        raise ConfigError("thing must be 1 to 128 characters")
    if not config.root.is_dir():
        raise ConfigError(f"root: no such directory: {config.root}")
    return config


def load_config(path: Path) -> AgentConfig:
    """Read and check a configuration file. Raises :class:`ConfigError`."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_CONFIG_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    if len(data) > MAX_CONFIG_BYTES:
        raise ConfigError(f"{path}: larger than {MAX_CONFIG_BYTES} bytes")
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: not JSON: {error}") from error
    try:
        return parse_config(value)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error
