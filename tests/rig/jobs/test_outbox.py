"""News that a process did not live to tell, and what processes on one database tell each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from rig.errors import UsageError
from rig.jobs.outbox import KEPT_S, PATIENCE_S
from rig.jobs.outcome import Notification
from rig.jobs.store import Mark, schema
from tests.rig.jobs.world import THING, World, make_world

GET_BLOCKS = bytes.fromhex("a2616600616c191000")


@pytest.fixture
def other(world: World, tmp_path: Path, store_url: str) -> Iterator[World]:
    """A second process on the database of the first."""
    made = make_world(tmp_path, url=store_url)
    yield made
    made.store.close()


def later(world: World, seconds: float) -> list[tuple[str, dict[str, Any]]]:
    """What a process tells when it looks again after so long."""
    world.clock.advance(seconds)
    world.service.catch_up()
    return world.news()


def names(news: list[tuple[str, dict[str, Any]]]) -> list[str]:
    return [kind for kind, _ in news]


def tell(world: World) -> None:
    """The broker acknowledges everything that was published."""
    for notification in world.published:
        assert notification.number is not None
        world.service.told(notification.number)
    world.published.clear()


def test_news_of_a_process_that_died_are_told_by_another(world: World, other: World) -> None:
    world.service.create_job("job1", [THING], {"a": 1})
    assert names(world.news()) == ["notify", "notify-next"]
    pending, first = later(other, PATIENCE_S + 1)
    assert pending[0] == "notify"
    assert [each["jobId"] for each in pending[1]["jobs"]["QUEUED"]] == ["job1"]
    assert first[0] == "notify-next"
    assert first[1]["execution"]["jobDocument"] == {"a": 1}
    # It is its own to tell now, until the broker has it.
    assert later(other, 3600) == []


def test_what_the_broker_has_is_told_by_nobody(world: World, other: World) -> None:
    world.service.create_job("job1", [THING], {})
    tell(world)
    world.service.catch_up()
    assert later(other, 3600) == []


def test_who_waits_for_the_broker_does_not_tell_twice(world: World) -> None:
    world.service.create_job("job1", [THING], {})
    world.news()
    assert later(world, 3600) == []


def test_news_are_told_as_things_stand(world: World, other: World) -> None:
    for job_id in ("job1", "job2"):
        world.service.create_job(job_id, [THING], {})
    world.accepted("job1/update", {"status": "SUCCEEDED"})
    # Six notes of three changes; what has been overtaken is not told.
    pending, first = later(other, PATIENCE_S + 1)
    assert [each["jobId"] for each in pending[1]["jobs"]["QUEUED"]] == ["job2"]
    assert first[1]["execution"]["jobId"] == "job2"


def test_news_that_nothing_is_left(world: World, other: World) -> None:
    world.service.create_job("job1", [THING], {})
    tell(world)
    world.service.catch_up()
    outcome = world.ask("jobs/job1/update", {"status": "FAILED"})
    assert [each.number is not None for each in outcome.notifications] == [True, True]
    pending, first = later(other, PATIENCE_S + 1)
    assert pending[1]["jobs"] == {}
    assert "execution" not in first[1]


def test_a_command_that_fails_leaves_no_news(world: World, other: World) -> None:
    with pytest.raises(UsageError):
        world.service.create_job("job1", [THING, "nobody"], {})
    assert later(other, 3600) == []


def test_after_a_restart_news_are_told_at_once(
    world: World, tmp_path: Path, store_url: str
) -> None:
    world.service.create_job("job1", [THING], {})
    world.store.close()
    again = make_world(tmp_path, url=store_url)
    patience_s = PATIENCE_S + 1 if again.store.shared else 0
    assert names(later(again, patience_s)) == ["notify", "notify-next"]
    again.store.close()


def test_notes_do_not_pile_up(world: World) -> None:
    for number in range(3):
        world.service.create_job(f"job{number}", [THING], {})
    tell(world)
    world.service.catch_up()
    later(world, KEPT_S + 1)
    with world.store.transaction() as transaction:
        count = select(func.count()).select_from(schema.outbox)
        assert transaction._connection.scalar(count) == 0
        # Others remember how far they have read.
        (number,) = transaction.put_out([(Mark.PENDING, THING)], 0.0)
        assert number > 4


def test_a_job_canceled_elsewhere_closes_its_stream(world: World, other: World) -> None:
    update = world.offer("u1")
    topic = f"streams/{update.stream_id}/get/cbor"

    def answer() -> str:
        (reply,) = other.ask(topic, GET_BLOCKS).replies
        return reply.topic.rsplit("/", 2)[1]

    assert answer() == "data"
    world.service.cancel_job(update.job_id)
    other.service.catch_up()
    assert answer() == "rejected"


def test_an_identity_that_ends_elsewhere_ends_here(world: World, other: World) -> None:
    told: list[str] = []
    other.service.registry.on_identity_change(lambda: told.append("changed"))
    registry = world.service.registry
    registry.attach_certificate(THING, "ab" * 32)
    other.service.catch_up()
    assert told == []
    changes: list[Callable[[], object]] = [
        lambda: registry.set_certificate_status("ab" * 32, "INACTIVE"),
        lambda: registry.detach(THING, "ab" * 32),
        lambda: registry.delete_thing(THING),
    ]
    for change in changes:
        change()
        other.service.catch_up()
        assert told.pop() == "changed"
        other.service.catch_up()
        assert told == []


def test_numbers_are_those_of_the_notes(world: World) -> None:
    world.service.create_job("job1", [THING], {})
    first = [notification.number for notification in world.published]
    world.published.clear()
    world.service.create_job("job2", [THING], {})
    (second,) = [notification.number for notification in world.published]
    assert isinstance(world.published[0], Notification)
    assert first[0] is not None
    assert second is not None
    assert [first[0] + 1, first[0] + 2] == [first[1], second]
