"""The cloud in a scenario: it offers updates and jobs, cancels them, and disturbs on demand."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from agent.protocol import topics
from agent.protocol.version import Version
from rig.gateway.faults import (
    CloseConnection,
    Direction,
    Drop,
    Fault,
    FaultPlan,
    Hold,
    PacketMatch,
)
from rig.jobs.engine import Target
from rig.jobs.ota_update import OtaFile, OtaUpdateSpec
from rig.jobs.outcome import Notification
from rig.jobs.service import JobService
from rig.scenario.disturbance import data_blocks
from rig.scenario.documents import Document, compact, job_message
from rig.scenario.images import Image, ImageMaker, Signing, sign
from rig.signing import SigningKey
from rig.trace import Recorder

BUCKET = "images"
HELD_DATA = "data"
HELD_JOBS = "jobs"
HELD_CONNECTION = "connection"


@dataclass(frozen=True)
class Job:
    """A job on offer, by whatever document."""

    job_id: str


@dataclass(frozen=True)
class Update(Job):
    """An update on offer: the job it became and the image it delivers."""

    image: Image


class Cloud:
    """Offers jobs to one thing. Every act is written into the trace."""

    def __init__(
        self,
        jobs: JobService,
        faults: FaultPlan,
        recorder: Recorder,
        images: ImageMaker,
        thing: str,
        trusted: SigningKey,
        foreign: SigningKey,
        job_numbers: itertools.count[int],
        announce: Callable[[Notification], None],
        catch_up: Callable[[], None],
    ) -> None:
        """`announce` publishes to the device, behind what the service has published before.

        `catch_up` returns when the service has taken in whatever the device was seen to say.
        """
        self.images = images
        self.thing = thing
        self.service = jobs
        self._faults = faults
        self._recorder = recorder
        self._trusted = trusted
        self._foreign = foreign
        self._numbers = job_numbers
        self._announce = announce
        # Else a job made on the word of a device would be known to it before that word counts,
        # and the news of it would come twice.
        self._catch_up = catch_up

    def offer(
        self,
        version: str | Image,
        *,
        protocols: Sequence[str] = ("MQTT",),
        signing: Signing = Signing.GOOD,
        size: int = 20_000,
        file_type: int | None = 0,
        file_name: str = "firmware.bin",
        update_id: str | None = None,
    ) -> Update:
        """Create an OTA update for the thing and return it; the job exists from now on.

        `version` is the text of a new image's version, or an image made before. The job's id is
        `AFR_OTA-` and the `update_id`.
        """
        self._catch_up()
        image = version if isinstance(version, Image) else self.images.make(version, size=size)
        delivered, signature = sign(image, signing, self._trusted, self._foreign)
        update_id = update_id or f"case-{next(self._numbers)}"
        key = f"{update_id}.bin"
        self.service.put_object(BUCKET, key, delivered.content)
        spec = OtaUpdateSpec(
            update_id=update_id,
            targets=(Target.thing(self.thing),),
            files=(
                OtaFile(
                    file_name=file_name,
                    bucket=BUCKET,
                    key=key,
                    file_type=file_type,
                    signature=signature,
                    cert_file="signer.pem",
                ),
            ),
            protocols=tuple(protocols),
        )
        self._recorder.record(
            "rig",
            "JOB_CREATED",
            job_id=f"AFR_OTA-{update_id}",
            thing=self.thing,
            protocols=list(protocols),
            signed=signing.value,
            image=_shown(delivered),
        )
        update = self.service.create_ota_update(spec)
        return Update(update.job_id, delivered)

    def offer_document(self, document: Mapping[str, Any] | str, image: Image | None = None) -> Job:
        """Create a job with just this document, however wrong it may be.

        `image` is what it delivers, where it is right.
        """
        self._catch_up()
        job_id = f"document-{next(self._numbers)}"
        delivers: dict[str, Any] = (
            {} if image is None else {"signed": "good", "image": _shown(image)}
        )
        self._recorder.record(
            "rig", "JOB_CREATED", job_id=job_id, thing=self.thing, document=document, **delivers
        )
        self.service.create_job(job_id, (self.thing,), document)
        return Job(job_id)

    def afr_ota_document(
        self, version: str, *, size: int = 20_000, protocols: Sequence[str] = ("MQTT",)
    ) -> Document:
        """The document of a good update that nobody has been offered yet, to be spoilt."""
        return self.document_of(self.images.make(version, size=size), protocols=protocols)

    def document_of(self, *images: Image, protocols: Sequence[str] = ("MQTT",)) -> Document:
        """The document of a good update with these files, which nobody has been offered yet."""
        files = []
        for image in images:
            key = f"unoffered-{next(self._numbers)}.bin"
            self.service.put_object(BUCKET, key, image.content)
            files.append(
                OtaFile(
                    file_name="firmware.bin",
                    bucket=BUCKET,
                    key=key,
                    file_type=0,
                    signature=self._trusted.sign(image.content),
                    cert_file="signer.pem",
                )
            )
        return self.service.make_document(tuple(files), protocols)

    def document_offered(self, job: Job) -> Document:
        """The document of a job on offer, as it was stored."""
        stored = self.service.describe_job(job.job_id)
        assert stored is not None
        document: Document = json.loads(stored.document)
        return document

    def tell(self, message: Mapping[str, Any] | bytes) -> None:
        """Send just this to the device as if it were its next job; no job comes into being."""
        payload = message if isinstance(message, bytes) else compact(message)
        self._announce(Notification(topics.notify_next(self.thing), payload))

    def stream_of(self, job: Job) -> str:
        """The name of the stream that the job's document offers its files in."""
        return str(self.document_offered(job)["afr_ota"]["streamname"])

    def tell_self_test(self, update: Update, updater: Version, self_test: str = "ready") -> None:
        """Send a new image its own job; `updater` is the version that downloaded it."""
        details = {"self_test": self_test, "updatedBy": f"0x{updater.packed:08x}"}
        self.tell(job_message(update.job_id, self.document_offered(update), details))

    def was_told(self, job: Job, details: Mapping[str, str]) -> None:
        """Let the job be in progress with these details, as a device left it before."""
        report = {"status": "IN_PROGRESS", "statusDetails": dict(details)}
        self.service.handle(self.thing, topics.update(self.thing, job.job_id), compact(report))

    def cancel(self, job: Job) -> None:
        """Cancel the job, also when the device has begun with it."""
        self._catch_up()
        self._recorder.record("rig", "JOB_CANCELLED", job_id=job.job_id)
        self.service.cancel_job(job.job_id, force=True)

    def delete(self, job: Job) -> None:
        """Delete the job, also when the device has begun with it."""
        self._catch_up()
        self._recorder.record("rig", "JOB_DELETED", job_id=job.job_id)
        self.service.delete_job(job.job_id, force=True)

    def forget_jobs(self) -> None:
        """Delete every job of the thing, so that a scenario begins with an empty queue."""
        for execution in self.service.pending(self.thing):
            self.service.delete_job(execution.job_id, force=True)

    @contextmanager
    def losing_answers(self) -> Iterator[None]:
        """Within this, no answer to a job request reaches the device; news still does."""
        with self._dropping("to_device", f"/{topics.NEXT}/get/accepted"):
            yield

    @contextmanager
    def losing_job_requests(self) -> Iterator[None]:
        """Within this, no job request reaches the service, and none is acknowledged."""
        with self._dropping("from_device", f"/{topics.NEXT}/get"):
            yield

    @contextmanager
    def _dropping(self, direction: Direction, topic_suffix: str) -> Iterator[None]:
        match = PacketMatch(direction, "PUBLISH", topic_suffix=topic_suffix, count=None)
        fault = Fault(match, Drop())
        self._faults.add(fault)
        try:
            yield
        finally:
            self._faults.end(fault)

    # -- disturbances, addressed by packet -----------------------------------------------------

    def hold_data_from(self, nth: int) -> None:
        """Let `nth - 1` data blocks pass and keep the others back until `release_data`."""
        self._faults.add(Fault(self._data_blocks(nth, count=None), Hold(HELD_DATA)))

    def hold_block(self, nth: int) -> None:
        """Keep just the nth data block back until `release_data`; later ones overtake it."""
        self._faults.add(Fault(self._data_blocks(nth, count=1), Hold(HELD_DATA)))

    def release_data(self) -> None:
        self._faults.release(HELD_DATA)

    def hold_jobs(self) -> None:
        """Keep back answers to job requests and news of jobs until `release_jobs`."""
        for suffix in (f"/{topics.NEXT}/get/accepted", "/jobs/notify-next"):
            match = PacketMatch("to_device", "PUBLISH", topic_suffix=suffix, count=None)
            self._faults.add(Fault(match, Hold(HELD_JOBS)))

    def release_jobs(self) -> None:
        self._faults.release(HELD_JOBS)

    def hold_connection(self) -> None:
        """Keep back the answer to every CONNECT until `release_connection`."""
        match = PacketMatch("to_device", "CONNACK", count=None)
        self._faults.add(Fault(match, Hold(HELD_CONNECTION)))

    def release_connection(self) -> None:
        self._faults.release(HELD_CONNECTION)

    def disconnect_at_block(self, nth: int) -> None:
        """Break the network connection instead of delivering the nth data block."""
        self._faults.add(Fault(self._data_blocks(nth, count=1), CloseConnection()))

    def _data_blocks(self, nth: int, count: int | None) -> PacketMatch:
        return data_blocks(self.thing, nth, count)


def _shown(image: Image) -> dict[str, str | int]:
    """What the trace tells of an image on offer."""
    return {
        "sha256": image.sha256,
        "version": str(image.version),
        "size": image.size,
        "behaviour": image.behaviour.name.lower(),
    }
