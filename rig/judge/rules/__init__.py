"""The table of all rules, one for each requirement of the catalogue."""

from __future__ import annotations

from rig.judge.rule import Rule
from rig.judge.rules import (
    control,
    data_blocks,
    data_progress,
    data_requests,
    data_timing,
    self_test,
)

_FAMILIES = (control, data_requests, data_timing, data_blocks, data_progress, self_test)

RULES: dict[str, Rule] = {
    rule.requirement: rule
    for rule in sorted(
        (rule for family in _FAMILIES for rule in family.RULES), key=lambda rule: rule.requirement
    )
}
