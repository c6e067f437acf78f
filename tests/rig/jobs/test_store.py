from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import pytest

from rig.errors import BenchError, UsageError
from rig.jobs.store import Store
from tests.rig.jobs.world import THING, World, make_world


def url_of(directory: Path) -> str:
    return f"sqlite:///{directory}/jobs.db"


def test_everything_is_there_after_a_restart(tmp_path: Path) -> None:
    world = make_world(tmp_path, url=url_of(tmp_path))
    world.service.registry.attach_certificate(THING, "ab" * 32)
    update = world.offer("u1", b"image" * 1000, ("MQTT", "HTTP"), description="d")
    details = {"self_test": "ready", "updatedBy": "0x00090002"}
    world.accepted(
        f"{update.job_id}/update",
        {"status": "IN_PROGRESS", "statusDetails": details, "stepTimeoutInMinutes": 9},
    )
    record = world.service.ota_update("u1")
    before = world.accepted("$next/get")
    world.store.close()

    again = make_world(tmp_path, url=url_of(tmp_path))
    after = again.accepted("$next/get")
    assert after["execution"]["statusDetails"] == details
    for execution in (before["execution"], after["execution"]):
        # The URL is signed with the key of each world.
        execution["jobDocument"]["afr_ota"]["files"][0].pop("update_data_url")
    assert after == before
    assert again.service.ota_update("u1") == record
    assert again.service.things_of_certificate("ab" * 32) == {THING}
    replies = again.ask(
        f"streams/{update.stream_id}/get/cbor", bytes.fromhex("a2616600616c191000")
    ).replies
    assert [reply.topic.rsplit("/", 2)[1] for reply in replies] == ["data", "data"]
    again.store.close()


def test_the_registry(world: World) -> None:
    service = world.service
    assert service.has_thing(THING)
    assert not service.has_thing("other")
    assert service.registry.create_thing(THING) == service.registry.create_thing(THING)
    service.registry.create_thing("a:b_c-9")
    assert [thing.name for thing in service.registry.things()] == ["a:b_c-9", THING]
    assert service.things_of_certificate("00" * 32) == frozenset()
    service.registry.attach_certificate(THING, "ab" * 32)
    service.registry.attach_certificate(THING, "ab" * 32)
    service.registry.attach_certificate("a:b_c-9", "ab" * 32)
    assert service.things_of_certificate("ab" * 32) == {THING, "a:b_c-9"}
    with pytest.raises(UsageError, match="there is no thing nobody"):
        service.registry.attach_certificate("nobody", "cd" * 32)
    assert "cd" * 32 not in [c.certificate_id for c in service.registry.certificates()]
    service.registry.register_certificate("ef" * 32, active=False)
    service.registry.attach_certificate(THING, "ef" * 32)
    assert service.things_of_certificate("ef" * 32) == frozenset()


@pytest.mark.parametrize("name", ["", "a b", "a/b", "+", "#", "$aws", "t" * 129, "ä"])
def test_bad_thing_names_are_one_clear_line(world: World, name: str) -> None:
    with pytest.raises(UsageError, match="is not 1 to 128"):
        world.service.registry.create_thing(name)


def test_a_failed_command_changes_nothing(world: World) -> None:
    with pytest.raises(UsageError):
        world.service.create_job("job1", [THING, "nobody"], {})
    assert world.service.describe_job("job1") is None
    assert world.service.pending(THING) == ()
    assert world.news() == []


def test_two_processes_may_share_the_file(tmp_path: Path) -> None:
    one = make_world(tmp_path, url=url_of(tmp_path))
    other = make_world(tmp_path, url=url_of(tmp_path))
    one.service.create_job("job1", [THING], {})
    assert other.accepted("$next/get")["execution"]["jobId"] == "job1"
    other.accepted("job1/update", {"status": "IN_PROGRESS"})
    found = one.service.describe_execution(THING, "job1")
    assert found is not None
    assert found.version == 2
    one.store.close()
    other.store.close()


def test_threads_do_not_lose_each_others_updates(tmp_path: Path) -> None:
    worlds = [make_world(tmp_path, url=url_of(tmp_path)) for _ in range(2)]
    worlds[0].service.create_job("job1", [THING], {})

    def work(world: World) -> None:
        for _ in range(25):
            world.accepted("job1/update", {"status": "IN_PROGRESS"})

    threads = [threading.Thread(target=work, args=(world,)) for world in worlds * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = worlds[0].service.describe_execution(THING, "job1")
    assert found is not None
    assert found.version == 101
    for world in worlds:
        world.store.close()


def test_bad_databases_are_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("this is no database, and long enough to be seen as none")
    for url, message in (
        ("not a url", "is not one that SQLAlchemy knows"),
        ("nosuchdb://x", "cannot use the job database"),
        (f"sqlite:///{tmp_path}/nowhere/jobs.db", "unable to open database file"),
        (f"sqlite:///{tmp_path}/text.db", "file is not a database"),
    ):
        with pytest.raises(UsageError, match=message) as caught:
            Store(url)
        assert "\n" not in str(caught.value)


def test_a_database_of_another_version_is_refused(tmp_path: Path) -> None:
    Store.in_file(tmp_path / "jobs.db").close()
    with sqlite3.connect(tmp_path / "jobs.db") as connection:
        connection.execute("UPDATE schema_version SET version = 99")
    connection.close()
    with pytest.raises(UsageError, match="has schema version 99"):
        Store.in_file(tmp_path / "jobs.db")


def test_a_database_that_breaks_is_a_fault_of_the_bench(tmp_path: Path) -> None:
    world = make_world(tmp_path, url=url_of(tmp_path))
    with world.store.transaction() as transaction:
        transaction._connection.exec_driver_sql("DROP TABLE executions")
    with pytest.raises(BenchError, match="the job database failed: no such table"):
        world.service.pending(THING)
    assert world.rejected("$next/get")["code"] == "InternalError"
    world.store.close()


def test_no_password_is_told() -> None:
    with pytest.raises(UsageError) as caught:
        Store("nosuchdb://user:geheim@host/db")
    assert "geheim" not in str(caught.value)
