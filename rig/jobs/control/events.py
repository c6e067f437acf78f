"""Which events are published (job service §1.9, §7.2)."""

from __future__ import annotations

from rig.jobs.control.context import Context, Members, Operation
from rig.jobs.control.errors import INVALID_REQUEST, ControlError
from rig.jobs.control.model import service_model
from rig.jobs.events import EventType

_CONFIGURATIONS, _ENABLED = "eventConfigurations", "Enabled"
_OFFERED = {kind.value for kind in EventType}


def _update_event_configurations(context: Context, members: Members) -> Members:
    switches = {}
    for name, configuration in members.get(_CONFIGURATIONS, {}).items():
        on = configuration.get(_ENABLED, False)
        if name in _OFFERED:
            switches[EventType(name)] = on
        elif on:
            raise ControlError(INVALID_REQUEST, f"events of type {name} are not offered here")
    context.service.events.update(switches)
    return {}


def _describe_event_configurations(context: Context, members: Members) -> Members:
    enabled = {kind.value for kind in context.service.events.enabled()}
    changed_at = context.service.events.changed_at()
    shown: dict[str, object] = {
        _CONFIGURATIONS: {
            name: {_ENABLED: name in enabled}
            for name in service_model("iot").shape_for("EventType").enum
        }
    }
    if changed_at is not None:
        shown |= {"creationDate": changed_at[0], "lastModifiedDate": changed_at[1]}
    return shown


OPERATIONS: dict[str, Operation] = {
    "UpdateEventConfigurations": _update_event_configurations,
    "DescribeEventConfigurations": _describe_event_configurations,
}
