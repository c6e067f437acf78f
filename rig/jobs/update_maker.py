"""Makes the stream and the document of an OTA update (job service §5.1, §5.2)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from rig.errors import UsageError
from rig.jobs import ota_update
from rig.jobs.objects import ObjectStore
from rig.jobs.ota_update import OtaFile, OtaUpdateSpec
from rig.jobs.presign import Presigner
from rig.jobs.settings import JobSettings
from rig.jobs.store import OtaUpdateRecord, StreamRecord


@dataclass(frozen=True)
class MadeDocument:
    """A job document, and the id of the stream it names; none without MQTT among the protocols.

    `stream` is to be stored; it is None if the stream is there already.
    """

    document: dict[str, Any]
    stream_id: str | None = None
    stream: StreamRecord | None = None


class UpdateMaker:
    """Looks at the files of an update and says what is to be stored; it stores nothing."""

    def __init__(
        self,
        objects: ObjectStore,
        settings: JobSettings,
        presigner: Presigner | None,
        random_id: Callable[[], str],
    ) -> None:
        self._objects = objects
        self._settings = settings
        self._presigner = presigner
        self._random_id = random_id

    def make(self, files: Sequence[OtaFile], protocols: Sequence[str], now: float) -> MadeDocument:
        """Raises `UsageError` for files or protocols that cannot be offered."""
        ota_update.check_protocols(protocols)
        stored = [ota_update.open_file(file, self._objects, self._settings) for file in files]
        if "HTTP" in protocols:
            self._check_urls(files)
        stream, stream_id = None, _given_stream(files)
        if "MQTT" not in protocols:
            stream_id = None
        elif stream_id is None:
            stream_id = f"{ota_update.STREAM_ID_PREFIX}{self._random_id()}"
            stream = StreamRecord(stream_id, ota_update.stream_files(stored), now)
        document = ota_update.make_document(
            files, stored, protocols, stream_id, self._settings.region
        )
        return MadeDocument(document, stream_id, stream)

    def presign_seconds(self, spec: OtaUpdateSpec) -> int:
        """How long the update's download URLs hold."""
        if spec.presign_seconds is None:
            return self._settings.presign_seconds
        return spec.presign_seconds

    def _check_urls(self, files: Sequence[OtaFile]) -> None:
        """Refuses keys whose URL would not fit into a device's buffer (trap 15)."""
        if self._presigner is None:
            raise UsageError("there is no download server: offer the update by MQTT only")
        limit = self._settings.max_url_characters
        for file in files:
            url = self._presigner.url(file.bucket, file.key, self._settings.presign_seconds)
            if len(url) > limit:
                raise UsageError(
                    f"the download URL of {file.bucket}/{file.key} would have {len(url)} "
                    f"characters, at most {limit} are allowed: take a shorter key"
                )


def _given_stream(files: Sequence[OtaFile]) -> str | None:
    """The stream that all files are in already, None if none is; raises `UsageError`."""
    streams = {None if file.stream is None else file.stream.stream_id for file in files}
    if len(streams) > 1:
        raise UsageError("the files of an update are all in one stream, or none is in any")
    return next(iter(streams), None)


def record_of(spec: OtaUpdateSpec, job_id: str, made: MadeDocument, now: float) -> OtaUpdateRecord:
    """What is kept of an update for GetOTAUpdate (§5.3); `stream_id` if the stream is its own."""
    return OtaUpdateRecord(
        spec.update_id,
        job_id,
        spec.targets,
        spec.protocols,
        now,
        None if made.stream is None else made.stream_id,
        spec.description,
        spec.continuous,
        tuple(_file_record(place, file, made) for place, file in enumerate(spec.files)),
        spec.labels,
    )


def _file_record(place: int, file: OtaFile, made: MadeDocument) -> dict[str, object]:
    return {
        "fileName": file.file_name,
        "bucket": file.bucket,
        "key": file.key,
        "fileType": file.file_type,
        "streamId": made.stream_id,
        "fileId": place if file.stream is None else file.stream.file_id,
        "certFile": file.cert_file,
        "attributes": dict(file.attributes),
    }
