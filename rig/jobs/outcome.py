"""What comes of a device's request: answers to the requester, and news for who subscribes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer that only the requesting connection gets (job service §1.8)."""

    topic: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Notification:
    """A `notify`, `notify-next` or event, published through the broker (§1.6, §1.7, §1.9).

    `number` is that of its note in the outbox, if it has one.
    """

    topic: str
    payload: bytes
    number: int | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """The replies in their order, then the notifications in theirs, events last."""

    replies: tuple[Reply, ...] = ()
    notifications: tuple[Notification, ...] = ()
