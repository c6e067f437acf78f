from __future__ import annotations

import threading
from pathlib import Path

import pytest

from rig.errors import BenchError, UsageError
from rig.jobs.store import Store, ThingRecord, database
from tests.postgresql import Cluster
from tests.rig.jobs.world import THING, World, make_world


def test_everything_is_there_after_a_restart(tmp_path: Path, store_url: str) -> None:
    world = make_world(tmp_path, url=store_url)
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

    again = make_world(tmp_path, url=store_url)
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


def test_two_processes_may_share_the_database(tmp_path: Path, store_url: str) -> None:
    one = make_world(tmp_path, url=store_url)
    other = make_world(tmp_path, url=store_url)
    one.service.create_job("job1", [THING], {})
    assert other.accepted("$next/get")["execution"]["jobId"] == "job1"
    other.accepted("job1/update", {"status": "IN_PROGRESS"})
    found = one.service.describe_execution(THING, "job1")
    assert found is not None
    assert found.version == 2
    one.store.close()
    other.store.close()


def test_threads_do_not_lose_each_others_updates(tmp_path: Path, store_url: str) -> None:
    worlds = [make_world(tmp_path, url=store_url) for _ in range(2)]
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
        ("nosuchdb://x", "begins with sqlite:/// or postgresql://"),
        ("mysql://host/x", "begins with sqlite:/// or postgresql://"),
        ("postgresql://127.0.0.1/x?bogus=1", "invalid connection option"),
        (f"sqlite:///{tmp_path}/nowhere/jobs.db", "unable to open database file"),
        (f"sqlite:///{tmp_path}/text.db", "file is not a database"),
    ):
        with pytest.raises(UsageError, match=message) as caught:
            Store(url)
        assert "\n" not in str(caught.value)


def test_a_database_of_another_version_is_refused(store_url: str) -> None:
    store = Store(store_url)
    with store.transaction() as transaction:
        transaction._connection.exec_driver_sql("UPDATE schema_version SET version = 99")
    store.close()
    with pytest.raises(UsageError, match="has schema version 99") as caught:
        Store(store_url)
    assert "\n" not in str(caught.value)


def test_a_database_that_breaks_is_a_fault_of_the_bench(tmp_path: Path, store_url: str) -> None:
    world = make_world(tmp_path, url=store_url)
    with world.store.transaction() as transaction:
        transaction._connection.exec_driver_sql("DROP TABLE executions")
    with pytest.raises(BenchError, match=r"the job database failed: .*executions"):
        world.service.pending(THING)
    assert world.rejected("$next/get")["code"] == "InternalError"
    world.store.close()


def test_no_password_is_told() -> None:
    with pytest.raises(UsageError) as caught:
        Store("nosuchdb://user:geheim@host/db")
    assert "geheim" not in str(caught.value)


def test_a_server_that_refuses_is_one_clear_line(cluster: Cluster) -> None:
    for url, message in (
        (cluster.url("nowhere"), 'database "nowhere" does not exist'),
        (cluster.url("postgres").replace("otarig@", "nobody:geheim@"), 'role "nobody"'),
    ):
        with pytest.raises(UsageError, match=message) as caught:
            Store(url)
        assert "\n" not in str(caught.value)
        assert "geheim" not in str(caught.value)


def test_a_server_that_does_not_run_is_a_fault_of_the_bench(tmp_path: Path) -> None:
    for url in ("postgresql://127.0.0.1:1/otarig", f"postgresql:///otarig?host={tmp_path}"):
        with pytest.raises(
            BenchError, match="cannot reach the job database postgresql://"
        ) as caught:
            Store(url)
        assert "\n" not in str(caught.value)


def test_a_server_that_ends_the_connection_is_found_again(cluster: Cluster, tmp_path: Path) -> None:
    world = make_world(tmp_path, url=cluster.new_database())
    world.service.create_job("job1", [THING], {})
    cluster.end_sessions()
    # Between two transactions nobody notices; one that was under way has failed as a whole.
    assert world.accepted("job1/update", {"status": "IN_PROGRESS"}) is not None

    def cut_in_the_middle() -> None:
        with world.store.transaction() as transaction:
            transaction.add_thing(ThingRecord("half", "id", 1.0))
            cluster.end_sessions()

    with pytest.raises(BenchError, match="the job database failed"):
        cut_in_the_middle()
    assert not world.service.has_thing("half")
    assert world.accepted("$next/get")["execution"]["versionNumber"] == 2
    world.store.close()


def test_a_server_that_is_away_for_a_while(cluster: Cluster, tmp_path: Path) -> None:
    world = make_world(tmp_path, url=cluster.new_database())
    world.service.create_job("job1", [THING], {})
    cluster.stop()
    try:
        for _ in range(2):
            assert world.rejected("$next/get")["code"] == "InternalError"
            with pytest.raises(BenchError, match="the job database failed"):
                world.service.tick()
    finally:
        cluster.start()
    assert world.accepted("$next/get")["execution"]["jobId"] == "job1"
    world.service.tick()
    world.store.close()


def test_a_process_that_hangs_in_its_turn_does_not_stop_the_others(cluster: Cluster) -> None:
    url = cluster.new_database()
    hanging, other = Store(url), Store(url)

    def hang() -> None:
        with hanging.transaction() as transaction:
            transaction.add_thing(ThingRecord("late", "id", 1.0))
            session = transaction._connection
            shown = session.exec_driver_sql("SHOW idle_in_transaction_session_timeout")
            assert shown.scalar() == f"{database.PATIENCE_S}s"
            # So that the test need not be so patient.
            session.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout='200ms'")
            with other.transaction() as elsewhere:
                elsewhere.add_thing(ThingRecord("other", "id", 1.0))

    with pytest.raises(BenchError, match="idle-in-transaction timeout"):
        hang()
    with hanging.transaction() as transaction:
        assert [thing.name for thing in transaction.things()] == ["other"]
    hanging.close()
    other.close()


def test_names_have_one_order_in_every_database(world: World) -> None:
    names = ["Zeta", "alpha", "alpha-1", "alpha1", "alpha_2", "beta", THING]
    for name in names:
        world.service.registry.create_thing(name)
    assert [thing.name for thing in world.service.registry.things()] == sorted(names)
