"""The cloud in a scenario: it offers updates and jobs, cancels them, and disturbs on demand."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agent.protocol import topics
from rig.gateway.faults import CloseConnection, Fault, FaultPlan, Hold, PacketMatch
from rig.jobs.ota_update import OtaFile, OtaUpdateSpec
from rig.jobs.service import JobService
from rig.scenario.images import Image, ImageMaker, Signing, sign
from rig.signing import SigningKey
from rig.trace import Recorder

BUCKET = "images"
HELD_DATA = "data"


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
    ) -> None:
        self.images = images
        self.thing = thing
        self.service = jobs
        self._faults = faults
        self._recorder = recorder
        self._trusted = trusted
        self._foreign = foreign
        self._numbers = job_numbers

    def offer(
        self,
        version: str | Image,
        *,
        protocols: Sequence[str] = ("MQTT",),
        signing: Signing = Signing.GOOD,
        size: int = 20_000,
        file_type: int | None = 0,
    ) -> Update:
        """Create an OTA update for the thing and return it; the job exists from now on.

        `version` is the text of a new image's version, or an image made before.
        """
        image = version if isinstance(version, Image) else self.images.make(version, size=size)
        delivered, signature = sign(image, signing, self._trusted, self._foreign)
        update_id = f"case-{next(self._numbers)}"
        key = f"{update_id}.bin"
        self.service.put_object(BUCKET, key, delivered.content)
        spec = OtaUpdateSpec(
            update_id=update_id,
            things=(self.thing,),
            files=(
                OtaFile(
                    file_name="firmware.bin",
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
            image={
                "sha256": delivered.sha256,
                "version": str(delivered.version),
                "size": delivered.size,
                "behaviour": delivered.behaviour.name.lower(),
            },
        )
        update = self.service.create_ota_update(spec)
        return Update(update.job_id, delivered)

    def offer_document(self, document: Mapping[str, Any] | str) -> Job:
        """Create a job with just this document, however wrong it may be."""
        job_id = f"document-{next(self._numbers)}"
        self._recorder.record(
            "rig", "JOB_CREATED", job_id=job_id, thing=self.thing, document=document
        )
        self.service.create_job(job_id, (self.thing,), document)
        return Job(job_id)

    def afr_ota_document(self, version: str, *, size: int = 20_000) -> dict[str, Any]:
        """The document of a good update that nobody has been offered yet, to be spoilt."""
        image = self.images.make(version, size=size)
        key = f"unoffered-{next(self._numbers)}.bin"
        self.service.put_object(BUCKET, key, image.content)
        file = OtaFile(
            file_name="firmware.bin",
            bucket=BUCKET,
            key=key,
            file_type=0,
            signature=self._trusted.sign(image.content),
            cert_file="signer.pem",
        )
        return self.service.make_document((file,), ("MQTT",))

    def cancel(self, job: Job) -> None:
        """Cancel the job, also when the device has begun with it."""
        self._recorder.record("rig", "JOB_CANCELLED", job_id=job.job_id)
        self.service.cancel_job(job.job_id, force=True)

    def forget_jobs(self) -> None:
        """Delete every job of the thing, so that a scenario begins with an empty queue."""
        for execution in self.service.pending(self.thing):
            self.service.delete_job(execution.job_id, force=True)

    # -- disturbances, addressed by packet -----------------------------------------------------

    def hold_data_from(self, nth: int) -> None:
        """Let `nth - 1` data blocks pass and keep the others back until `release_data`."""
        self._faults.add(Fault(self._data_blocks(nth, count=None), Hold(HELD_DATA)))

    def hold_block(self, nth: int) -> None:
        """Keep just the nth data block back until `release_data`; later ones overtake it."""
        self._faults.add(Fault(self._data_blocks(nth, count=1), Hold(HELD_DATA)))

    def release_data(self) -> None:
        self._faults.release(HELD_DATA)

    def disconnect_at_block(self, nth: int) -> None:
        """Break the network connection instead of delivering the nth data block."""
        self._faults.add(Fault(self._data_blocks(nth, count=1), CloseConnection()))

    def _data_blocks(self, nth: int, count: int | None) -> PacketMatch:
        prefix = re.escape(topics.things_prefix(self.thing))
        return PacketMatch(
            dir="to_device",
            kind="PUBLISH",
            topic_regex=rf"{prefix}streams/[^/]+/data/(cbor|json)",
            nth=nth,
            count=count,
        )
