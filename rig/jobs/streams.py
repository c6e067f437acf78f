"""Streams: files in blocks over MQTT (job service §4).

The hot path of a download. What a request needs to know (may this thing read that stream, what is
in it) is kept between requests and forgotten with every change of jobs; content is kept by the
object store.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import cbor2

from agent.protocol.stream import DataBlock, StreamRequest, encode_data
from agent.protocol.topics import ReservedApi, ReservedTopic
from rig.errors import UsageError
from rig.jobs.block_selection import select_blocks
from rig.jobs.objects import ObjectStore
from rig.jobs.outcome import Reply
from rig.jobs.settings import JobSettings
from rig.jobs.store import Store, StreamFile, StreamRecord
from rig.jobs.stream_errors import (
    StreamCode,
    StreamFormat,
    StreamRefusal,
    encode_rejected,
)
from rig.jobs.stream_requests import read_describe, read_get

_log = logging.getLogger(__name__)

_MAX_REMEMBERED = 4096
_MAX_REMEMBERED_BYTES = 32 * 1024 * 1024


@dataclass(frozen=True)
class _Place:
    """Where the answers to a request go: `base` is the topic up to the stream's name."""

    base: str
    fmt: StreamFormat

    @classmethod
    def of(cls, topic: str) -> _Place:
        base, _, fmt = topic.rsplit("/", 2)
        return cls(base, "json" if fmt == "json" else "cbor")

    def topic(self, answer: str) -> str:
        return f"{self.base}/{answer}/{self.fmt}"


@dataclass(frozen=True)
class _Answer:
    """The data messages that answer a request, and the file that they are of."""

    file: StreamFile
    blocks: tuple[bytes, ...]


class _Answers:
    """Answers given before. The devices of a fleet ask for the same blocks in the same words."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, int, StreamFormat, bytes], _Answer] = {}
        self._bytes = 0

    def find(self, stream: StreamRecord, fmt: StreamFormat, payload: bytes) -> _Answer | None:
        """What was answered to the same payload for the same version of the stream."""
        known = self._known.get((stream.stream_id, stream.version, fmt, payload))
        # A stream may have been deleted, and another made of the same name.
        return known if known is not None and known.file in stream.files else None

    def keep(
        self, stream: StreamRecord, fmt: StreamFormat, payload: bytes, answer: _Answer
    ) -> None:
        """Remember an answer; all are forgotten when they become too much."""
        size = len(payload) + sum(map(len, answer.blocks))
        if self._bytes + size > _MAX_REMEMBERED_BYTES:
            self.forget()
        self._known[stream.stream_id, stream.version, fmt, payload] = answer
        self._bytes += size

    def forget(self) -> None:
        """Drop all of them."""
        self._known.clear()
        self._bytes = 0


class StreamServer:
    """Answers `describe` and `get`; the owner lets in one request at a time."""

    def __init__(self, store: Store, objects: ObjectStore, settings: JobSettings) -> None:
        self._store = store
        self._objects = objects
        self._settings = settings
        self._access: dict[str, dict[str, StreamRecord]] = {}
        self._streams: dict[str, StreamRecord] = {}
        self._answers = _Answers()

    def forget_access(self) -> None:
        """Streams have changed: who may read what is to be looked up again.

        So are the answers: those of a stream that is done with would stay for nobody.
        """
        self._access.clear()
        self._streams.clear()
        self._answers.forget()

    def forget_access_of(self, things: Iterable[str]) -> None:
        """What these things have to do has changed: what they may read is to be looked up again."""
        for thing in things:
            self._access.pop(thing, None)

    def answer(self, reserved: ReservedTopic, topic: str, payload: bytes) -> tuple[Reply, ...]:
        """The replies to a request: blocks or a description, or one rejection."""
        place = _Place.of(topic)
        stream_id = reserved.stream_id or ""
        try:
            if len(payload) > self._settings.max_payload:
                raise StreamRefusal(
                    StreamCode.INVALID_REQUEST,
                    f"the payload has {len(payload)} bytes, "
                    f"at most {self._settings.max_payload} are taken",
                )
            if reserved.api is ReservedApi.STREAM_DESCRIBE:
                return self._describe(reserved.thing, stream_id, place, payload)
            return self._get(reserved.thing, stream_id, place, payload)
        except StreamRefusal as refusal:
            return (Reply(place.topic("rejected"), encode_rejected(refusal, place.fmt)),)

    def failed(self, topic: str, message: str) -> tuple[Reply, ...]:
        """The reply when the fault is ours."""
        place = _Place.of(topic)
        refusal = StreamRefusal(StreamCode.INTERNAL_ERROR, message)
        return (Reply(place.topic("rejected"), encode_rejected(refusal, place.fmt)),)

    def _describe(
        self, thing: str, stream_id: str, place: _Place, payload: bytes
    ) -> tuple[Reply, ...]:
        token = read_describe(payload, place.fmt)
        stream = self._stream(thing, stream_id, token)
        description: dict[str, Any] = {} if token is None else {"c": token}
        description["s"] = stream.version
        if stream.description is not None:
            description["d"] = stream.description
        description["r"] = [{"f": file.file_id, "z": file.size} for file in stream.files]
        return (Reply(place.topic("description"), _encode(description, place.fmt)),)

    def _get(self, thing: str, stream_id: str, place: _Place, payload: bytes) -> tuple[Reply, ...]:
        topic = place.topic("data")
        stream = self._allowed(thing, stream_id)
        if stream is not None:
            known = self._answers.find(stream, place.fmt, payload)
            if known is not None and self._is_unchanged(known.file):
                return tuple([Reply(topic, block) for block in known.blocks])
        request = read_get(payload, place.fmt)
        token = request.client_token
        stream = self._stream(thing, stream_id, token)
        wanted = request.stream_version
        if wanted is not None and wanted != stream.version:
            raise StreamRefusal(
                StreamCode.VERSION_MISMATCH,
                f"the stream has version {stream.version}, not {wanted}",
                token,
            )
        content = self._content(stream, request)
        size = request.block_size
        blocks = select_blocks(len(content), size, request.offset, request.bitmap, request.count)
        if not blocks:
            raise StreamRefusal(
                StreamCode.INVALID_REQUEST,
                "The data requested is out of the range of data available.",
                token,
            )
        encoded = [encode_data(_block(content, block, request), place.fmt) for block in blocks]
        self._answers.keep(
            stream, place.fmt, payload, _Answer(_file(stream, request), tuple(encoded))
        )
        return tuple([Reply(topic, block) for block in encoded])

    def _is_unchanged(self, file: StreamFile) -> bool:
        try:
            stored = self._objects.get(file.bucket, file.key)
        except (OSError, UsageError):
            return False
        return stored is not None and stored.sha256 == file.digest

    def _stream(self, thing: str, stream_id: str, token: str | None) -> StreamRecord:
        """The stream, if a pending job of the thing names it (§8.2 A9)."""
        found = self._allowed(thing, stream_id)
        if found is not None:
            return found
        with self._store.transaction() as transaction:
            stream = self._streams.get(stream_id) or transaction.stream(stream_id)
            state = transaction.load_thing(thing)
        if stream is None:
            raise StreamRefusal(
                StreamCode.RESOURCE_NOT_FOUND, f"there is no stream {stream_id}", token
            )
        if not any(stream_id in job.streams for job in state.jobs.values()):
            raise StreamRefusal(
                StreamCode.UNAUTHORIZED,
                f"no pending job of thing {thing} names the stream {stream_id}",
                token,
            )
        if len(self._access) >= _MAX_REMEMBERED:
            self.forget_access()
        self._streams[stream_id] = stream
        self._access.setdefault(thing, {})[stream_id] = stream
        return stream

    def _allowed(self, thing: str, stream_id: str) -> StreamRecord | None:
        """The stream, if it was looked up before and nothing has changed since."""
        of_thing = self._access.get(thing)
        return None if of_thing is None else of_thing.get(stream_id)

    def _content(self, stream: StreamRecord, request: StreamRequest) -> bytes:
        """The file's bytes, if they are those that the stream was made of (§4.4)."""
        file = _file(stream, request)
        try:
            stored = self._objects.get(file.bucket, file.key)
        except (OSError, UsageError):
            _log.exception("the source of stream %s cannot be read", stream.stream_id)
            stored = None
        if stored is None:
            raise StreamRefusal(
                StreamCode.UNAUTHORIZED,
                f"the source of file {file.file_id} cannot be read",
                request.client_token,
            )
        if stored.sha256 != file.digest:
            raise StreamRefusal(
                StreamCode.ETAG_MISMATCH,
                f"the source of file {file.file_id} has changed since the stream was made",
                request.client_token,
            )
        return stored.content


def _file(stream: StreamRecord, request: StreamRequest) -> StreamFile:
    for file in stream.files:
        if file.file_id == request.file_id:
            return file
    raise StreamRefusal(
        StreamCode.RESOURCE_NOT_FOUND,
        f"the stream {stream.stream_id} has no file {request.file_id}",
        request.client_token,
    )


def _block(content: bytes, number: int, request: StreamRequest) -> DataBlock:
    start = number * request.block_size
    payload = content[start : start + request.block_size]
    return DataBlock(
        file_id=request.file_id,
        index=number,
        size=len(payload),
        payload=payload,
        client_token=request.client_token,
    )


def _encode(members: dict[str, Any], fmt: StreamFormat) -> bytes:
    if fmt == "json":
        return json.dumps(members, separators=(",", ":")).encode()
    return cbor2.dumps(members)
