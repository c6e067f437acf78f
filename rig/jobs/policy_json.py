"""A job's policy in the words of the API, which are also those it is stored in (job service §3)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from rig.errors import UsageError
from rig.jobs.engine.maintenance import MaintenanceWindow
from rig.jobs.engine.policy import (
    AbortCriterion,
    EndBehavior,
    ExponentialRate,
    FailureType,
    Policy,
    RetryCriterion,
    Rollout,
    Schedule,
)

ROLLOUT = "jobExecutionsRolloutConfig"
ABORT = "abortConfig"
TIMEOUT = "timeoutConfig"
RETRY = "jobExecutionsRetryConfig"
SCHEDULE = "schedulingConfig"
POLICY_MEMBERS = (ROLLOUT, ABORT, TIMEOUT, RETRY, SCHEDULE)

_TIME_FORMATS = ("%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S.%f")
_PER_MINUTE = (1, 1000)
_FACTOR = (1.1, 5.0)
_TIMEOUT_MINUTES = (1, 10_080)


def read_policy(config: Mapping[str, Any]) -> Policy:
    """The policy in these members, whose types and limits have been checked against the model.

    Raises `UsageError` for what only the documentation forbids.
    """
    minutes = (config.get(TIMEOUT) or {}).get("inProgressTimeoutInMinutes")
    if minutes is not None:
        _check("inProgressTimeoutInMinutes", minutes, _TIMEOUT_MINUTES)
    return Policy(
        rollout=_rollout(config.get(ROLLOUT)),
        abort=tuple(
            AbortCriterion(
                FailureType(rule["failureType"]),
                rule["thresholdPercentage"],
                rule["minNumberOfExecutedThings"],
            )
            for rule in (config.get(ABORT) or {}).get("criteriaList", ())
        ),
        retries=tuple(
            RetryCriterion(FailureType(rule["failureType"]), rule["numberOfRetries"])
            for rule in (config.get(RETRY) or {}).get("criteriaList", ())
        ),
        in_progress_timeout_minutes=minutes,
        schedule=_schedule(config.get(SCHEDULE)),
    )


def show_policy(policy: Policy) -> dict[str, Any]:
    """The members of the policy; what it does not have is left out."""
    shown: dict[str, Any] = {}
    if policy.rollout is not None:
        shown[ROLLOUT] = _show_rollout(policy.rollout)
    if policy.abort:
        rules = [
            {
                "failureType": rule.failure.value,
                "action": "CANCEL",
                "thresholdPercentage": rule.threshold_percentage,
                "minNumberOfExecutedThings": rule.minimum_executed,
            }
            for rule in policy.abort
        ]
        shown[ABORT] = {"criteriaList": rules}
    if policy.in_progress_timeout_minutes is not None:
        shown[TIMEOUT] = {"inProgressTimeoutInMinutes": policy.in_progress_timeout_minutes}
    if policy.retries:
        retries = [
            {"failureType": rule.failure.value, "numberOfRetries": rule.retries}
            for rule in policy.retries
        ]
        shown[RETRY] = {"criteriaList": retries}
    if policy.schedule is not None:
        shown[SCHEDULE] = _show_schedule(policy.schedule)
    return shown


def _check(name: str, value: float, allowed: tuple[float, float]) -> None:
    """For limits that the documentation has and the models leave out."""
    least, most = allowed
    if not least <= value <= most:
        raise UsageError(f"{name}, {value:g}, is not {least:g} to {most:g}")


def _rollout(config: Mapping[str, Any] | None) -> Rollout | None:
    if config is None:
        return None
    maximum = config.get("maximumPerMinute", _PER_MINUTE[1])
    _check("maximumPerMinute", maximum, _PER_MINUTE)
    growth = config.get("exponentialRate")
    if growth is None:
        return Rollout(maximum)
    factor = growth["incrementFactor"]
    _check("incrementFactor", factor, _FACTOR)
    _check("baseRatePerMinute", growth["baseRatePerMinute"], _PER_MINUTE)
    criteria = growth["rateIncreaseCriteria"]
    notified = criteria.get("numberOfNotifiedThings")
    succeeded = criteria.get("numberOfSucceededThings")
    if notified is None and succeeded is None:
        raise UsageError("rateIncreaseCriteria has no criterion: set one")
    return Rollout(
        maximum, ExponentialRate(growth["baseRatePerMinute"], factor, notified, succeeded)
    )


def _show_rollout(rollout: Rollout) -> dict[str, Any]:
    shown: dict[str, Any] = {"maximumPerMinute": rollout.maximum_per_minute}
    growth = rollout.exponential
    if growth is not None:
        criteria = {
            "numberOfNotifiedThings": growth.notified,
            "numberOfSucceededThings": growth.succeeded,
        }
        shown["exponentialRate"] = {
            "baseRatePerMinute": growth.base_per_minute,
            "incrementFactor": growth.increment_factor,
            "rateIncreaseCriteria": {k: v for k, v in criteria.items() if v is not None},
        }
    return shown


def _schedule(config: Mapping[str, Any] | None) -> Schedule | None:
    if config is None:
        return None
    try:
        windows = tuple(
            MaintenanceWindow(window["startTime"], window["durationInMinutes"])
            for window in config.get("maintenanceWindows") or ()
        )
    except ValueError as error:
        raise UsageError(f"a maintenance window cannot be read: {error}") from error
    end = _time(config, "endTime")
    start = _time(config, "startTime")
    if end is not None and end <= (start or 0.0):
        raise UsageError("the schedule's endTime is not after its startTime")
    behavior = EndBehavior(config.get("endBehavior", EndBehavior.STOP_ROLLOUT.value))
    return Schedule(start, end, behavior, windows)


def _show_schedule(schedule: Schedule) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    if schedule.start is not None:
        shown["startTime"] = _time_text(schedule.start)
    if schedule.end is not None:
        shown["endTime"] = _time_text(schedule.end)
    if schedule.end is not None or schedule.end_behavior is not EndBehavior.STOP_ROLLOUT:
        shown["endBehavior"] = schedule.end_behavior.value
    if schedule.windows:
        shown["maintenanceWindows"] = [
            {"startTime": window.start, "durationInMinutes": window.minutes}
            for window in schedule.windows
        ]
    return shown


def _time(config: Mapping[str, Any], name: str) -> float | None:
    """Epoch seconds of a UTC time such as `2027-01-31T23:05` or `…:00Z`."""
    text = config.get(name)
    if text is None:
        return None
    for form in _TIME_FORMATS:
        try:
            return datetime.strptime(text.removesuffix("Z"), form).replace(tzinfo=UTC).timestamp()
        except ValueError:
            continue
    raise UsageError(f"the schedule's {name} {text!r} is not like 2027-01-31T23:05")


def _time_text(time: float) -> str:
    moment = datetime.fromtimestamp(time, UTC)
    if moment.microsecond:
        return moment.strftime(_TIME_FORMATS[2])
    return moment.strftime(_TIME_FORMATS[1 if moment.second else 0])
