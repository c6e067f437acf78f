"""Carries out a command in a transaction: load, decide, save, and settle what is left over."""

from __future__ import annotations

from rig.jobs.engine import Decision, Refused, State, transition
from rig.jobs.engine.commands import Command, Settle
from rig.jobs.refusal import RefusalError
from rig.jobs.store import Transaction


def carry_out(
    transaction: Transaction, before: State, command: Command, now: float
) -> tuple[Decision, ...]:
    """The command's decision, then those that end the executions of jobs it has canceled.

    A slice holds what the command names; a job that its abort rule cancels (job service §3.2) may
    have executions on any thing, which are loaded and ended here, in the same transaction.
    """
    decisions = [_decide(transaction, before, command, now)]
    for job_id in decisions[0].unsettled:
        whole = transaction.load_job(job_id)
        decisions.append(_decide(transaction, whole, Settle(job_id), now))
    return tuple(decisions)


def carry_out_or_raise(
    transaction: Transaction, before: State, command: Command, now: float
) -> tuple[Decision, ...]:
    """As `carry_out`, but raises `RefusalError` for a command that is refused."""
    decisions = carry_out(transaction, before, command, now)
    answer = decisions[0].answer
    if isinstance(answer, Refused):
        raise RefusalError(answer.code, answer.message)
    return decisions


def _decide(transaction: Transaction, before: State, command: Command, now: float) -> Decision:
    decision = transition(before, command, now)
    transaction.save(before, decision.state)
    return decision
