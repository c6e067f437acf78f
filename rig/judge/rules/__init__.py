"""The table of all rules, one for each requirement of the catalogue."""

from __future__ import annotations

from rig.judge.rule import Rule
from rig.judge.rules import (
    abort,
    control,
    data_blocks,
    data_progress,
    data_requests,
    data_timing,
    http,
    job,
    job_dropped,
    job_refused,
    robustness,
    self_test,
    shutdown,
    signature,
    states,
    suspend,
    trial_boot,
)

_FAMILIES = (
    control,
    job,
    job_refused,
    job_dropped,
    data_requests,
    data_timing,
    data_blocks,
    data_progress,
    signature,
    self_test,
    trial_boot,
    abort,
    suspend,
    shutdown,
    http,
    robustness,
    states,
)

RULES: dict[str, Rule] = {
    rule.requirement: rule
    for rule in sorted(
        (rule for family in _FAMILIES for rule in family.RULES), key=lambda rule: rule.requirement
    )
}
