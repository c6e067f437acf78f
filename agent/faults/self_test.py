"""Agents that err in the self-test, and boot loaders that do (OTA-TST)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from agent.faults.blocks import boot_anything
from agent.faults.seams import (
    Apply,
    Fault,
    Parts,
    Send,
    Table,
    document,
    execution_of,
    fault,
    handler,
    is_status,
    on_publish,
    ota_of,
    platform,
    raw_document,
    read_document,
    status_says,
    together,
    without_status,
)
from agent.faults.trust import arm_received_image
from agent.machine import self_test
from agent.machine.machine import Machine, Step
from agent.machine.ports import EventData, JobRecord, Timer
from agent.platform.boot_plan import BootPlan, plan_boot, plan_commit_first, plan_without_rollback
from agent.platform.boot_state import BootState, Trial, TrialPhase
from agent.protocol import status, topics
from agent.protocol.codes import ImageState, JobEvent, JobReason, OtaErr, PalImageState
from agent.protocol.pal_status import PalStatus
from agent.protocol.transitions import Handler

BY_MQTT = "accept-newer-version-by-mqtt"
SAME, OLDER = "version-not-newer-same-version", "version-not-newer-older-version"
REJECTS = "self-test-fails-self-test-application-rejects"
CRASHES = "self-test-fails-self-test-new-image-crashes"
HANGS = "self-test-fails-self-test-new-image-hangs"
NO_CONNECT = "self-test-fails-self-test-new-image-cannot-connect"


def on_trial(m: Machine) -> bool:
    """Whether the running image is not yet committed."""
    return m.platform.image_state() is PalImageState.PENDING_COMMIT


def any_version(parts: Parts) -> None:
    """No version is too old."""
    parts.machine.check_version = lambda _m, _updated_by: OtaErr.NONE


def accept_untried(_inner: Step, m: Machine, _payload: EventData) -> OtaErr:
    """The application tests an image that the platform does not have on trial."""
    m.tell(JobEvent.START_TEST)
    m.timers.stop(Timer.SELF_TEST)
    return OtaErr.NONE


def _on_version(wrong: Callable[[Machine, OtaErr], object]) -> Apply:
    """Something else happens before the version check's verdict counts."""

    def apply(parts: Parts) -> None:
        def check(m: Machine, updated_by: int | None) -> OtaErr:
            verdict = self_test.check_version(m, updated_by)
            wrong(m, verdict)
            return verdict

        parts.machine.check_version = check

    return apply


def _reports_active(m: Machine, verdict: OtaErr) -> None:
    if verdict is not OtaErr.NONE:
        message = status.self_test_active(m.settings.version)
        m.transport.publish(topics.update(m.thing, m.job_id), message.payload, message.qos)


def _resets_at_once(m: Machine, verdict: OtaErr) -> None:
    if verdict is not OtaErr.NONE:
        m.platform.reset()


def _active_after_success(parts: Parts) -> None:
    held: list[tuple[str, bytes, int]] = []

    def publish(send: Send, topic: str, payload: bytes, qos: int) -> bool:
        if is_status(topic) and b'"active"' in payload:
            held.append((topic, payload, qos))
            return True
        sent = send(topic, payload, qos)
        while held and b'"SUCCEEDED"' in payload:
            send(*held.pop())
        return sent

    on_publish(publish)(parts)


def _never_commits(right: Callable[[ImageState], PalStatus], state: ImageState) -> PalStatus:
    return right(ImageState.TESTING if state is ImageState.ACCEPTED else state)


def _stays_after_refusal(parts: Parts) -> None:
    """The reset that must follow a refused version is left to whoever comes next: the trial is
    struck from the boot record, so that not even the watchdog minds."""

    def reset(right: Callable[[], PalStatus]) -> PalStatus:
        if parts.machine.image_state is not ImageState.REJECTED:
            return right()
        parts.platform.save_record(BootState(parts.platform.settings.running.other))
        return PalStatus.of(0)

    platform(reset=reset)(parts)


def _commits_for_certain(right: Callable[[ImageState], PalStatus], state: ImageState) -> PalStatus:
    committed = right(state)
    return PalStatus.of(0) if state is ImageState.ACCEPTED else committed


def _downloads_when_still_there(parts: Parts) -> None:
    """A reset that has no effect is followed by a request for blocks."""

    def reset(right: Callable[[], PalStatus]) -> PalStatus:
        result = right()
        m = parts.machine
        m.transport.publish(topics.stream_get(m.thing, "next"), b"\xa0", 0)
        return result

    platform(reset=reset)(parts)


def _reports_the_reset(parts: Parts) -> None:
    """A reset of an image on trial that has no job is reported for the job that it should have."""

    def reset(right: Callable[[], PalStatus]) -> PalStatus:
        m = parts.machine
        if on_trial(m) and m.execution is None and m.thing:
            failed = status.failed(JobReason.REJECTED, 0)
            m.transport.publish(topics.update(m.thing, "self-test"), failed.payload, failed.qos)
        return right()

    platform(reset=reset)(parts)


def _ordinary(m: Machine, payload: EventData) -> Table:
    """The ordinary job that an image on trial was given, empty when it was none."""
    table = read_document(raw_document(payload))
    details = execution_of(table).get("statusDetails") or {}
    return table if on_trial(m) and ota_of(table) and "self_test" not in details else {}


def _downloads_on_trial(inner: Step, m: Machine, payload: EventData) -> OtaErr:
    table = _ordinary(m, payload)
    if table:
        stream = ota_of(table).get("streamname", "")
        m.transport.publish(topics.stream_get(m.thing, stream), b"\xa0", 0)
    return inner(m, payload)


def _fails_on_trial(inner: Step, m: Machine, payload: EventData) -> OtaErr:
    table = _ordinary(m, payload)
    if table:
        failed = status.failed(JobReason.REJECTED, 0)
        topic = topics.update(m.thing, execution_of(table)["jobId"])
        m.transport.publish(topic, failed.payload, failed.qos)
    return inner(m, payload)


def _always_content(parts: Parts) -> None:
    """The application accepts every image, whatever its self-test says."""
    inner = parts.machine.callback

    def callback(event: JobEvent, payload: JobRecord | EventData) -> None:
        if event is JobEvent.START_TEST:
            parts.agent.set_image_state(ImageState.ACCEPTED)
        else:
            inner(event, payload)

    parts.machine.callback = callback


def forgets_self_test(parts: Parts) -> None:
    """A committed image takes the job of a failed self-test for a new one."""

    def edit(table: Table) -> None:
        details = execution_of(table).get("statusDetails")
        if isinstance(details, dict) and not on_trial(parts.machine):
            details.pop("self_test", None)

    document(edit)(parts)


def _only_known_values(table: Table) -> None:
    details = execution_of(table).get("statusDetails")
    if isinstance(details, dict) and details.get("self_test") not in ("ready", "active"):
        details.pop("self_test", None)


def _arms_at_once(parts: Parts) -> None:
    """The image being received is what the next reset starts, from its first block on."""

    def write(right: Callable[[int, bytes], int], offset: int, data: bytes) -> int:
        written = right(offset, data)
        arm_received_image(parts.platform)
        return written

    platform(write_block=write)(parts)


def _accepts_second_attempt(parts: Parts) -> None:
    """What was reset in its self-test is content with having come that far again."""

    def begin(inner: Step, m: Machine, payload: EventData) -> OtaErr:
        if m.updated_by == m.settings.version.packed:
            parts.agent.set_image_state(ImageState.ACCEPTED)
            return OtaErr.NONE
        return inner(m, payload)

    handler(Handler.IN_SELF_TEST, begin)(parts)


def plan_second_attempt(state: BootState, intact: bool) -> BootPlan:
    """The decision of a boot loader that starts a failed trial again."""
    trial = state.trial
    if trial is not None and trial.phase is TrialPhase.RUNNING:
        state = replace(state, trial=Trial(trial.slot, TrialPhase.ARMED, trial.sha256))
    return plan_boot(state, intact)


FAULTS: dict[str, Fault] = {
    "no-self-test-active": fault(
        "does not report that the self-test runs",
        "TST-001 TST-004",
        BY_MQTT,
        without_status(b'"active"'),
    ),
    "active-old-version": fault(
        "names the old version when the self-test runs",
        "TST-002",
        BY_MQTT,
        status_says(b'"0x01000001"', b'"0x01000000"', b'"active"'),
    ),
    "success-word": fault(
        "has another word for accepted", "TST-003", BY_MQTT, status_says(b"accepted ", b"good ")
    ),
    "active-after-success": fault(
        "reports that the self-test runs when it is over",
        "TST-004",
        BY_MQTT,
        _active_after_success,
    ),
    "success-versions": fault(
        "names the new version as the one that updated",
        "TST-005",
        BY_MQTT,
        status_says(rb'"  v1\.0\.0"', b'"  v1.0.1"', b'"SUCCEEDED"'),
    ),
    "never-commit": fault(
        "reports success and does not commit",
        "TST-006",
        BY_MQTT,
        platform(set_image_state=_never_commits),
    ),
    "ignore-same-version": fault(
        "tests and accepts an image that is not newer",
        "TST-007 TST-008 TST-010",
        SAME,
        any_version,
    ),
    "ignore-older-version": fault(
        "tests and accepts an image that is older", "TST-008", OLDER, any_version
    ),
    "stay-after-refusal": fault(
        "does not reset when it has refused its own version",
        "TST-007",
        SAME,
        _stays_after_refusal,
    ),
    "version-reason": fault(
        "gives another reason for a version that is not newer",
        "TST-009",
        SAME,
        status_says(b"rejected: 0x00000010", b"rejected: 0x0000000e"),
    ),
    "active-before-check": fault(
        "reports that the self-test runs before it looks at the version",
        "TST-010",
        SAME,
        _on_version(_reports_active),
    ),
    "reset-before-report": fault(
        "resets before it reports that the version is not newer",
        "TST-011",
        SAME,
        _on_version(_resets_at_once),
    ),
    "never-roll-back": fault(
        "its boot loader keeps every image it has once started",
        "TST-012 TST-019 TST-022 RES-010",
        REJECTS,
        plan=plan_without_rollback,
    ),
    "keep-without-network": fault(
        "its boot loader keeps an image that never connects",
        "TST-012",
        NO_CONNECT,
        plan=plan_without_rollback,
    ),
    "report-reset": fault(
        "reports the reset of an image on trial that got no job",
        "TST-013",
        "self-test-job-deleted",
        _reports_the_reset,
    ),
    "download-on-trial": fault(
        "asks for blocks while it runs on trial",
        "TST-014",
        "self-test-ordinary-job",
        handler(Handler.PROCESS_JOB, _downloads_on_trial),
    ),
    "fail-on-trial": fault(
        "fails an ordinary job while it runs on trial",
        "TST-015",
        "self-test-ordinary-job",
        handler(Handler.PROCESS_JOB, _fails_on_trial),
    ),
    "accept-untried": fault(
        "accepts an image that is not on trial",
        "TST-016",
        "self-test-not-on-trial",
        handler(Handler.IN_SELF_TEST, accept_untried),
    ),
    "mismatch-reason": fault(
        "gives another reason when the image is not on trial",
        "TST-017",
        "self-test-not-on-trial",
        status_says(b"rejected: 0x00000011", b"rejected: 0x00000000"),
    ),
    "commit-before-self-test": fault(
        "makes a new image permanent as soon as it runs",
        "TST-012 TST-019 TST-022 RES-010",
        REJECTS,
        plan=plan_commit_first,
    ),
    "commit-for-certain": fault(
        "reports success when it could not commit",
        "TST-018",
        "self-test-commit-fails",
        platform(set_image_state=_commits_for_certain),
    ),
    "download-before-reset": fault(
        "goes on downloading on trial when its reset has no effect",
        "TST-024",
        "self-test-reset-without-effect",
        _downloads_when_still_there,
    ),
    "always-content": fault(
        "accepts an image whose application rejects it", "TST-019", REJECTS, _always_content
    ),
    "download-after-rollback": fault(
        "downloads again, after a rollback, the image that failed",
        "TST-020",
        CRASHES,
        forgets_self_test,
    ),
    "success-after-rollback": fault(
        "reports SUCCEEDED for the image that was rolled back",
        "TST-020",
        CRASHES,
        together(any_version, handler(Handler.IN_SELF_TEST, accept_untried)),
    ),
    "arm-at-once": fault(
        "its boot loader starts an image that is not complete",
        "TST-021",
        "interrupted-power-cut-in-mid-download",
        _arms_at_once,
        plan=boot_anything,
    ),
    "permanent-after-cut": fault(
        "its boot loader keeps an image after a power cut in its self-test",
        "TST-022",
        "self-test-power-cut",
        plan=plan_without_rollback,
    ),
    "known-values-only": fault(
        "does not honour a self_test of an unknown value",
        "TST-023",
        "self-test-by-presence",
        document(_only_known_values),
    ),
    "second-attempt": fault(
        "gives a new image another attempt when it was reset in its self-test",
        "RES-010",
        HANGS,
        any_version,
        _accepts_second_attempt,
        plan=plan_second_attempt,
    ),
}
