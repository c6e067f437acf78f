"""A job service over a store in memory, with a clock that moves when told."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rig.clock import FakeClock
from rig.jobs.access_key import AccessKey
from rig.jobs.engine import Target
from rig.jobs.objects import ObjectStore
from rig.jobs.ota_update import OtaFile, OtaUpdate, OtaUpdateSpec
from rig.jobs.outcome import Notification, Outcome
from rig.jobs.presign import Presigner
from rig.jobs.service import JobService
from rig.jobs.settings import JobSettings
from rig.jobs.store import Store

THING = "thing1"
BUCKET = "images"


@dataclass
class World:
    """The service, and what its control commands published."""

    service: JobService
    clock: FakeClock
    store: Store
    published: list[Notification] = field(default_factory=list)

    def ask(self, api: str, payload: object = b"", thing: str = THING) -> Outcome:
        """Publish to `jobs/<api>` or `streams/<api>` and return the outcome."""
        data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        return self.service.handle(thing, f"$aws/things/{thing}/{api}", data)

    def accepted(self, api: str, payload: object = b"", thing: str = THING) -> dict[str, Any]:
        """The one answer, which has to be on `…/accepted`."""
        return self._answer(api, payload, thing, "accepted")

    def rejected(self, api: str, payload: object = b"", thing: str = THING) -> dict[str, Any]:
        """The one answer, which has to be on `…/rejected`."""
        return self._answer(api, payload, thing, "rejected")

    def _answer(self, api: str, payload: object, thing: str, kind: str) -> dict[str, Any]:
        outcome = self.ask(f"jobs/{api}", payload, thing)
        (reply,) = outcome.replies
        assert reply.topic == f"$aws/things/{thing}/jobs/{api}/{kind}", reply
        answer = json.loads(reply.payload)
        assert isinstance(answer, dict)
        return answer

    def news(self) -> list[tuple[str, dict[str, Any]]]:
        """What was published since the last time: last topic level and payload."""
        found = [(n.topic.rsplit("/", 1)[1], json.loads(n.payload)) for n in self.published]
        self.published.clear()
        return found

    def offer(
        self,
        update_id: str = "u1",
        content: bytes = b"image",
        protocols: tuple[str, ...] = ("MQTT",),
        **fields: Any,
    ) -> OtaUpdate:
        """An OTA update of one file for the thing."""
        key = f"{update_id}.bin"
        self.service.put_object(BUCKET, key, content)
        file = OtaFile("firmware.bin", BUCKET, key, file_type=0, signature=b"\x30\x00")
        return self.service.create_ota_update(
            OtaUpdateSpec(update_id, (Target.thing(THING),), (file,), protocols, **fields)
        )


def make_world(directory: Path, settings: JobSettings | None = None, url: str = "") -> World:
    """A world with `thing1` in it; `url` is the store's, by default one in memory."""
    clock = FakeClock()
    numbers = itertools.count(1)
    store = Store(url or "sqlite://")
    presigner = Presigner(AccessKey.generate(), clock, "http://127.0.0.1:8080")
    service = JobService(
        store,
        ObjectStore(directory / "objects"),
        clock,
        settings or JobSettings(),
        lambda: f"00000000-0000-4000-8000-{next(numbers):012}",
        presigner,
    )
    world = World(service, clock, store)
    service.on_notification(world.published.append)
    service.registry.create_thing(THING)
    return world
