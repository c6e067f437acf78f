"""The job service as one object: devices' requests, the registry, and control commands.

Any thread may call it. Every change is one transaction that is committed before the answer is
returned; nothing a device sends makes it raise.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any

from agent.protocol import topics
from rig.clock import Clock
from rig.jobs import messages, ota_update, placeholders
from rig.jobs.arns import Arns
from rig.jobs.carry_out import carry_out_or_raise
from rig.jobs.device_requests import DeviceRequests
from rig.jobs.engine import (
    Answer,
    Code,
    Decision,
    Execution,
    Job,
    NextChanged,
    Policy,
    State,
    Target,
)
from rig.jobs.engine.commands import (
    AddThings,
    CancelExecution,
    CancelJob,
    ControlCommand,
    CreateJob,
    DeleteExecution,
    DeleteJob,
    DeviceCommand,
    Tick,
    UpdateJob,
)
from rig.jobs.events import EventSwitches, EventWriter
from rig.jobs.fleet_view import FleetViews
from rig.jobs.job_spec import JobSpec, check_targets, make_job
from rig.jobs.keeper import Keeper
from rig.jobs.objects import ObjectStore, StoredObject
from rig.jobs.ota_update import OtaFile, OtaUpdate, OtaUpdateSpec
from rig.jobs.outbox import EventEntry, News, Outbox
from rig.jobs.outcome import Notification, Outcome
from rig.jobs.presign import Presigner
from rig.jobs.refusal import RefusalError
from rig.jobs.registry import Registry
from rig.jobs.settings import JobSettings
from rig.jobs.store import (
    Mark,
    OtaUpdateRecord,
    Store,
    Transaction,
)
from rig.jobs.stream_registry import StreamRegistry
from rig.jobs.streams import StreamServer
from rig.jobs.templates import Templates
from rig.jobs.thing_groups import ThingGroups, Work, exists, things_under
from rig.jobs.update_maker import MadeDocument, UpdateMaker, record_of
from rig.jobs.views import Views

_log = logging.getLogger(__name__)

Publish = Callable[[Notification], None]
ExecutionView = Execution


class JobService:
    """Jobs, streams and OTA updates over one store.

    `random_id` gives new UUID texts. Without a `presigner` no update can be offered by HTTP.
    Control commands raise `UsageError` for bad input and publish their notifications through the
    callback of `on_notification`; device requests return theirs.
    """

    def __init__(
        self,
        store: Store,
        objects: ObjectStore,
        clock: Clock,
        settings: JobSettings,
        random_id: Callable[[], str],
        presigner: Presigner | None = None,
    ) -> None:
        self._store = store
        self.objects = objects
        self._clock = clock
        self.settings = settings
        self._random_id = random_id
        self._presigner = presigner
        self._publish: Publish | None = None
        # One at a time: the database would serialise them anyway, and caches stay simple.
        self._lock = threading.RLock()
        self.events = EventSwitches(store, clock)
        self._outbox = Outbox(store, EventWriter(Arns(settings), random_id))
        self._maker = UpdateMaker(objects, settings, presigner, random_id)
        self._streams = StreamServer(store, objects, settings)
        self.registry = Registry(store, clock, random_id)
        self.views = Views(store)
        self.fleet = FleetViews(store, Arns(settings))
        self.streams = StreamRegistry(store, objects, clock, self._forget_access)
        self.kept = Keeper(store, clock)
        self.templates = Templates(self.kept)
        self.thing_groups = ThingGroups(store, clock, random_id, self._carry_out)
        self._requests = DeviceRequests(
            store,
            clock,
            settings,
            self._streams,
            self._outbox,
            self.document_text,
            self._notifications,
        )

    def on_notification(self, publish: Publish) -> None:
        """Publish the notifications of control commands through this callback.

        It is called in the thread of the command, after the commit and outside every lock.
        """
        self._publish = publish

    # -- DeviceService and Registry -------------------------------------------------------------

    def handle(self, thing: str, topic: str, payload: bytes) -> Outcome:
        """Answer a request that a device published; never raises (job service §1, §4)."""
        with self._lock:
            return self._requests.handle(thing, topic, payload)

    def ask(self, command: DeviceCommand) -> Answer:
        """Carry out a device's command that did not come by MQTT; its news are published."""
        with self._lock:
            now = self._clock.now()
            decisions, news = self._requests.carry_out(command, now)
            notifications = self._notifications(news, now)
        self._send(notifications)
        return decisions[0].answer

    def things_of_certificate(self, sha256_hex: str) -> frozenset[str]:
        """The things that this certificate stands for (§8.2 A2)."""
        return self.registry.things_of_certificate(sha256_hex)

    def has_thing(self, name: str) -> bool:
        return self.registry.has_thing(name)

    # -- objects, streams, OTA updates ----------------------------------------------------------

    def put_object(self, bucket: str, key: str, data: bytes) -> StoredObject:
        return self.objects.put(bucket, key, data)

    def make_document(
        self, files: Sequence[OtaFile], protocols: Sequence[str] = ("MQTT",)
    ) -> dict[str, Any]:
        """The document of an update with these files, and its stream, but no job (§5.2)."""
        with self._lock, self._store.transaction() as transaction:
            made = self._maker.make(files, protocols, self._clock.now())
            if made.stream is not None:
                transaction.put_stream(made.stream)
            return made.document

    def create_ota_update(self, spec: OtaUpdateSpec) -> OtaUpdate:
        """Make the stream and the job of an update (§5.1): all of it, or none and `UsageError`."""
        ota_update.check_spec(spec)
        job_id = f"{ota_update.JOB_ID_PREFIX}{spec.update_id}"
        made: list[MadeDocument] = []

        def work(transaction: Transaction, now: float) -> tuple[Decision, ...]:
            if transaction.ota_update(spec.update_id) is not None:
                raise RefusalError(
                    Code.RESOURCE_ALREADY_EXISTS,
                    f"the OTA update {spec.update_id} exists already: take another id",
                )
            made.append(self._maker.make(spec.files, spec.protocols, now))
            if made[0].stream is not None:
                transaction.put_stream(made[0].stream)
            job = JobSpec(
                job_id,
                spec.targets,
                _compact(made[0].document),
                spec.policy,
                continuous=spec.continuous,
                presign_seconds=self._maker.presign_seconds(spec),
            )
            decisions = self._create(transaction, job, now)
            transaction.add_ota_update(record_of(spec, job_id, made[0], now))
            return decisions

        self._carry_out(work)
        return OtaUpdate(spec.update_id, job_id, made[0].stream_id, made[0].document)

    def ota_update(self, update_id: str) -> OtaUpdateRecord | None:
        with self._lock, self._store.transaction() as transaction:
            return transaction.ota_update(update_id)

    def delete_ota_update(
        self, update_id: str, *, delete_stream: bool = False, force_delete_job: bool = False
    ) -> None:
        """Delete the update and its job, and with `delete_stream` its stream (§5.3).

        Without `force_delete_job` the job has to be over.
        """
        record = self.ota_update(update_id)
        if record is None:
            raise RefusalError(Code.RESOURCE_NOT_FOUND, f"there is no OTA update {update_id}")
        job = self.describe_job(record.job_id)
        if job is not None:
            if not (force_delete_job or job.status.terminal):
                raise RefusalError(
                    Code.INVALID_REQUEST,
                    f"job {job.job_id} is {job.status.value}: cancel it first or use force",
                )
            self.delete_job(job.job_id, force=True)
        with self._lock, self._store.transaction() as transaction:
            transaction.delete_ota_update(update_id)
            if delete_stream and record.stream_id is not None:
                transaction.put_out([(Mark.STREAMS, None)], self._clock.now())
                transaction.delete_stream(record.stream_id)
        self._forget_access()

    # -- jobs -----------------------------------------------------------------------------------

    def create_job(
        self, job_id: str, things: Sequence[str], document: str | Mapping[str, Any]
    ) -> Job:
        """Make a job for these things; a document given as text is delivered as just that text."""
        text = document if isinstance(document, str) else _compact(document)
        targets = tuple(Target.thing(thing) for thing in things)
        return self.create_specified_job(JobSpec(job_id, targets, text))

    def create_specified_job(self, spec: JobSpec) -> Job:
        """Make a job and begin its rollout (§3.1), now or when it is scheduled."""
        decisions = self._carry_out(lambda transaction, now: self._create(transaction, spec, now))
        return decisions[0].state.jobs[spec.job_id]

    def add_targets(self, job_id: str, targets: Sequence[Target]) -> Job:
        """Aim a continuous job at more targets; their things are queued at once (§3.1, §7.2)."""

        def work(transaction: Transaction, now: float) -> tuple[Decision, ...]:
            things: Collection[str] = things_under(transaction, targets)
            job = transaction.job(job_id)
            if job is not None:
                check_targets(job.targets + tuple(targets))
                # Who is under the job already is not given it again.
                there = [target for target in job.targets if exists(transaction, target)]
                known = set(things_under(transaction, there))
                things = [thing for thing in things if thing not in known]
            state = transaction.load_job_things(job_id, things)
            command = AddThings(job_id, tuple(things), tuple(targets))
            return carry_out_or_raise(transaction, state, command, now)

        return self._carry_out(work)[0].state.jobs[job_id]

    def cancel_job(
        self,
        job_id: str,
        force: bool = False,
        *,
        reason_code: str | None = None,
        comment: str | None = None,
    ) -> Job | None:
        """Cancel what is queued, with `force` also what is in progress (§2.2)."""
        command = CancelJob(job_id, force, reason_code, comment)
        return self._control(command, lambda t: t.load_job(job_id)).state.jobs.get(job_id)

    def delete_job(self, job_id: str, force: bool = False) -> None:
        """Delete an ended job, with `force` any (§2.2)."""
        self._control(DeleteJob(job_id, force), lambda t: t.load_job(job_id))

    def cancel_execution(
        self,
        thing: str,
        job_id: str,
        force: bool = False,
        *,
        expected_version: int | None = None,
        status_details: Mapping[str, str] | None = None,
    ) -> None:
        """Cancel one thing's latest execution (§2.1)."""
        command = CancelExecution(thing, job_id, force, expected_version, status_details)
        self._control(command, lambda t: t.load_thing(thing, job_id))

    def delete_execution(self, thing: str, job_id: str, number: int, force: bool = False) -> None:
        """Delete one execution (§2.1)."""
        command = DeleteExecution(thing, job_id, number, force)
        self._control(command, lambda t: t.load_thing(thing, job_id))

    def tick(self) -> None:
        """Deadlines, schedules and rollouts that are due (§3); to be called every few seconds."""
        now = self._clock.now()
        self._control(Tick(), lambda t: t.load_overdue(now))
        with self._lock, self._store.transaction() as transaction:
            due = transaction.due_jobs(now)
        for job_id in due:
            self._control(Tick(), partial(_load_due_job, job_id))

    def told(self, number: int) -> None:
        """The broker has the notification of this number; any thread, at once."""
        self._outbox.told(number)

    def catch_up(self) -> None:
        """Learn what other processes have changed, and tell what one did not live to tell.

        To be called every few seconds: so old can be what is remembered of streams and identities.
        """
        now = self._clock.now()
        with self._lock:
            with self._store.transaction() as transaction:
                caught_up = self._outbox.catch_up(transaction, now)
            if caught_up.streams:
                self._streams.forget_access()
            else:
                self._streams.forget_access_of(caught_up.things)
            notifications = self._notifications(caught_up.again, now)
        if caught_up.identities:
            self.registry.tell_identity_change()
        self._send(notifications)

    def update_job(
        self,
        job_id: str,
        policy: Policy | None = None,
        *,
        description: str | None = None,
        presign_seconds: int | None = None,
        labels: Mapping[str, object] | None = None,
    ) -> None:
        """Change how a job is carried out from now on (§7.2); None leaves a member as it is."""
        command = UpdateJob(job_id, policy, description, presign_seconds, labels)
        self._control(command, lambda t: t.load_job(job_id))

    def describe_job(self, job_id: str) -> Job | None:
        with self._lock, self._store.transaction() as transaction:
            return transaction.job(job_id)

    def describe_execution(
        self, thing: str, job_id: str, number: int | None = None
    ) -> ExecutionView | None:
        """The thing's latest execution of the job, or the one with this number."""
        with self._lock, self._store.transaction() as transaction:
            return transaction.load_thing(thing, job_id).find(thing, job_id, number)

    def pending(self, thing: str) -> tuple[ExecutionView, ...]:
        """The thing's pending executions in their order."""
        with self._lock, self._store.transaction() as transaction:
            return transaction.load_thing(thing).pending(thing)

    def seconds_left(self, execution: ExecutionView) -> int | None:
        """Until it times out; None if no timer runs (§3.3)."""
        deadline = execution.deadline
        return None if deadline is None else max(0, int(deadline - self._clock.now()))

    # -- inside ---------------------------------------------------------------------------------

    def _carry_out(self, work: Work) -> tuple[Decision, ...]:
        """Work in one transaction; then the news of what it decided are published."""
        now = self._clock.now()
        with self._lock:
            with self._store.transaction() as transaction:
                decisions = work(transaction, now)
                news = self._outbox.put(transaction, decisions, now)
            notifications = self._notifications(news, now)
            if notifications:
                self._streams.forget_access()
        self._send(notifications)
        return decisions

    def _forget_access(self) -> None:
        """After a commit: a device's request may be at looking up what was before."""
        with self._lock:
            self._streams.forget_access()

    def _control(self, command: ControlCommand, load: Callable[[Transaction], State]) -> Decision:
        def work(transaction: Transaction, now: float) -> tuple[Decision, ...]:
            return carry_out_or_raise(transaction, load(transaction), command, now)

        return self._carry_out(work)[0]

    def _create(self, transaction: Transaction, spec: JobSpec, now: float) -> tuple[Decision, ...]:
        job = make_job(spec, self.settings, now)
        things = things_under(transaction, job.targets)
        before = transaction.load_job(job.job_id, things)
        return carry_out_or_raise(transaction, before, CreateJob(job, things), now)

    def document_text(self, job: Job) -> str:
        """The document as it is delivered now: every URL fresh (§3.5)."""
        presigner = self._presigner
        if presigner is None:
            return job.document
        return placeholders.resolve(
            job.document,
            lambda bucket, key: presigner.url(bucket, key, job.presign_seconds),
        )

    def _notifications(self, news: Sequence[News], now: float) -> tuple[Notification, ...]:
        return tuple([self._notification(entry, now) for entry in news])

    def _notification(self, entry: News, now: float) -> Notification:
        if isinstance(entry, EventEntry):
            message = entry.message
            return Notification(message.topic, message.payload.encode(), entry.number)
        job, change = None, entry.change
        topic = topics.notify(change.thing)
        if isinstance(change, NextChanged):
            topic = topics.notify_next(change.thing)
            if change.execution is not None:
                job = entry.state.jobs[change.execution.job_id]
        payload = messages.notification(
            change, job, now, self.document_text, self.settings.max_jobs_in_notify
        )
        return Notification(topic, payload, entry.number)

    def _send(self, notifications: Sequence[Notification]) -> None:
        if self._publish is None:
            return
        for notification in notifications:
            self._publish(notification)


def _load_due_job(job_id: str, transaction: Transaction) -> State:
    return transaction.load_due_job(job_id)


def _compact(document: Mapping[str, Any]) -> str:
    """JSON without blanks: devices keep parts of its text in small buffers (trap 14)."""
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False)
