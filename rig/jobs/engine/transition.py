"""The one function through which every job changes: (state, command, now) -> decision.

Pure: time comes in as a value (epoch seconds), nothing is stored or sent here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rig.jobs.engine import changes, commands, control, device, elapsing
from rig.jobs.engine.answers import Answer, Decision
from rig.jobs.engine.model import State
from rig.jobs.engine.settling import settle

_Handler = Callable[[Any, State, float], tuple[State, Answer]]

HANDLERS: dict[type[commands.Command], _Handler] = {
    commands.GetPending: device.get_pending,
    commands.StartNext: device.start_next,
    commands.Describe: device.describe,
    commands.Update: device.update,
    commands.CreateJob: control.create_job,
    commands.UpdateJob: control.update_job,
    commands.AddThings: control.add_things,
    commands.RemoveThings: control.remove_things,
    commands.CancelJob: control.cancel_job,
    commands.DeleteJob: control.delete_job,
    commands.CancelExecution: control.cancel_execution,
    commands.DeleteExecution: control.delete_execution,
    commands.Tick: elapsing.tick,
    commands.Settle: elapsing.settle_job,
}
"""Every command and what carries it out."""


def transition(state: State, command: commands.Command, now: float) -> Decision:
    """Carry out the command, or refuse it and leave the state as it was.

    Notifications and events come from comparing before and after, never from the command.
    """
    handler = HANDLERS.get(type(command))
    if handler is None:
        raise TypeError(f"the engine knows no command {type(command).__name__}")
    after, answer = handler(command, state, now)
    if after is not state or isinstance(command, commands.Settle):
        after = settle(state, after, now)
    if after is state:
        return Decision(state, (answer,))
    return Decision(
        after,
        (answer,),
        tuple(changes.notifications(state, after)),
        tuple(changes.events(state, after)),
        tuple(sorted(job.job_id for job in after.jobs.values() if job.unsettled)),
    )
