"""`otarig serve`: the self-hosted gateway, broker and job server, until Ctrl-C or SIGTERM."""

from __future__ import annotations

import argparse
import asyncio
import gc
import ipaddress
import logging
import signal
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from rig.cli.main import EXIT_OK, parser
from rig.cli.serve_regions import SHAPE, Defaults, region_option, regions_of
from rig.cli.terminal import TerminalConsole
from rig.clock import SystemClock
from rig.errors import UsageError
from rig.gateway.endpoint import BrokerEndpoint
from rig.gateway.settings import is_loopback
from rig.jobs.settings import DEFAULT_REGION
from rig.jobs.store import is_shared
from rig.private_files import write_private_file
from rig.region import Region, RegionSettings
from rig.serve_state import (
    DEFAULT_DATA,
    SIGNER_FILE,
    RegionAddress,
    ServeState,
    page_token,
    setting_up,
    take_seat,
)
from rig.server import Server, ServerSettings
from rig.trace import RecorderSwitch

MQTT_PORT = 8883
HTTP_PORT = 8080
COLLECT_AFTER = 50_000
"""New objects after which the garbage collector looks at them; 700 without a word."""
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def run(arguments: Sequence[str]) -> int:
    options = _parser().parse_args(arguments)
    if options.broker is not None:
        BrokerEndpoint.parse(options.broker)
    defaults = Defaults(options.host, options.mqtt_port, options.plain_port, options.broker)
    regions = regions_of(options.region, defaults, port_number)
    for region in regions:
        _check_host(region.host)
        if region.broker is not None:
            BrokerEndpoint.parse(region.broker)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
    shared = options.store is not None and is_shared(options.store)
    with take_seat(options.data, shared=shared) as seat:
        if seat > 1 and any(region.broker is None for region in regions):
            raise UsageError(
                "another serve has this store and data directory: give all of them one broker by "
                "--broker mqtt://host:port, or devices miss what the other ones tell"
            )
        asyncio.run(_serve(options, _settings(options, regions, seat, shared)))
    return EXIT_OK


def _check_host(host: str) -> None:
    """Raises `UsageError` for "everywhere": download URLs must name one address."""
    try:
        somewhere = host != "" and not ipaddress.ip_address(host).is_unspecified
    except ValueError:
        somewhere = True
    if not somewhere:
        raise UsageError(
            f"--host {host!r} is no address that devices could be sent to: "
            "give the one by which they reach this machine"
        )


async def _serve(options: argparse.Namespace, settings: ServerSettings) -> None:
    _cancel_on_signal()
    data: Path = options.data
    with ExitStack() as held:
        with setting_up(data):
            token = held.enter_context(page_token(data))
            settings = replace(settings, page_token=token)
            server = Server(settings, SystemClock(), RecorderSwitch())
        await _run(server, options, settings.seat)


async def _run(server: Server, options: argparse.Namespace, seat: int) -> None:
    data: Path = options.data
    try:
        # The public half of the key that images are signed with: what devices are given.
        write_private_file(data / SIGNER_FILE, server.signing_key.public_pem)
        await server.start()
        _spare_the_collector()
        try:
            _state(server).save(data, seat)
            _tell(server, options)
            await asyncio.Event().wait()
        finally:
            # First of all, so that nobody is sent to what is about to close.
            ServeState.forget(data, seat)
            await server.stop()
    except asyncio.CancelledError:
        TerminalConsole(highlight=False).print("serve has stopped; its data stays in", str(data))


def _spare_the_collector() -> None:
    """What is there by now stays until the end: the collector need not look at it again and again.

    Requests leave next to no cycles behind, so it is also sent round less often.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER)


def _cancel_on_signal() -> None:
    """End the task in order at the first signal; a second one ends the process at once."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None

    def stop() -> None:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)
        task.cancel()

    for number in _SIGNALS:
        loop.add_signal_handler(number, stop)


def _settings(
    options: argparse.Namespace, regions: Sequence[RegionSettings], seat: int, shared: bool
) -> ServerSettings:
    return ServerSettings(
        options.data,
        host=options.host,
        tls_port=options.mqtt_port,
        plain_port=options.plain_port,
        http_port=options.http_port,
        https=not is_loopback(options.host),
        broker=options.broker,
        store=options.store,
        seat=seat,
        share_ports=shared,
        region=regions[0].name,
        more_regions=tuple(regions[1:]),
    )


def _state(server: Server) -> ServeState:
    first = _address(server.regions[server.jobs.settings.region])
    return ServeState(
        endpoint=server.download.base_url,
        mqtt_host=first.mqtt_host,
        mqtt_port=first.mqtt_port,
        plain_port=first.plain_port,
        ca=str(server.ca_file.absolute()),
        region=server.jobs.settings.region,
        access_key_id=server.control_key.key_id,
        secret_access_key=server.control_key.secret,
        page=server.page_url,
        regions={name: _address(region) for name, region in server.regions.items()},
    )


def _address(region: Region) -> RegionAddress:
    port = region.gateway.tls_port
    assert port is not None
    return RegionAddress(region.settings.host, port, region.gateway.plain_port)


def _tell(server: Server, options: argparse.Namespace) -> None:
    console = TerminalConsole(highlight=False, markup=False, soft_wrap=True)
    for name, region in server.regions.items():
        where = "" if len(server.regions) == 1 else f", region {name}"
        host, gateway = region.settings.host, region.gateway
        certificate = f", CA certificate {server.ca_file}{where}"
        console.print(f"MQTT (TLS)  {host}:{gateway.tls_port}{certificate}")
        if gateway.plain_port is not None:
            console.print(f"MQTT        {host}:{gateway.plain_port}, without TLS{where}")
    console.print(f"HTTP        {server.download.base_url}, AWS calls and downloads")
    console.print(f"Page        {server.page_url}")
    where = "" if options.data == DEFAULT_DATA else f" --data {options.data}"
    console.print("Next, in two other terminals:")
    console.print(f"  otarig agent --thing demo{where}")
    console.print(f"  otarig update --thing demo{where}")
    console.print("Ctrl-C ends serve.")


def _parser() -> argparse.ArgumentParser:
    words = parser("serve", __doc__ or "")
    words.add_argument(
        "--data", type=Path, default=DEFAULT_DATA, metavar="DIR", help=f"default: {DEFAULT_DATA}"
    )
    words.add_argument("--host", default="127.0.0.1", help="the address to listen on")
    words.add_argument(
        "--mqtt-port",
        type=port_number,
        default=MQTT_PORT,
        metavar="N",
        help=f"MQTT over TLS; default {MQTT_PORT}, 0 picks one",
    )
    words.add_argument(
        "--plain-port",
        type=port_number,
        metavar="N",
        help="also MQTT without TLS, on loopback only; default: none",
    )
    words.add_argument(
        "--http-port",
        type=port_number,
        default=HTTP_PORT,
        metavar="N",
        help=f"AWS calls and downloads; default {HTTP_PORT}, 0 picks one",
    )
    words.add_argument(
        "--broker", metavar="URL", help="a broker to use, mqtt://host:port; default: one of its own"
    )
    words.add_argument(
        "--region",
        type=region_option,
        action="append",
        default=[],
        metavar=SHAPE,
        help=f"a region to serve, may be repeated; the first one, by default {DEFAULT_REGION}, has "
        "the addresses that the other options tell",
    )
    words.add_argument(
        "--store",
        metavar="URL",
        help="the database for jobs, postgresql://user@host/name or sqlite:///path; "
        "default: a SQLite file in the data directory",
    )
    return words


def port_number(text: str) -> int:
    """A port as an argument; raises what argparse tells the user in one line."""
    if not text.isdecimal() or not text.isascii() or int(text) > 65_535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port: give one from 0 to 65535")
    return int(text)
