"""Jobs (job service §3, §7.2)."""

from __future__ import annotations

from typing import Any

from rig.jobs.control.arns import target_in
from rig.jobs.control.context import Context, Members, Operation
from rig.jobs.control.errors import ALREADY_EXISTS, NOT_FOUND, ControlError
from rig.jobs.control.job_members import SOURCE, document_of, refuse_unoffered
from rig.jobs.control.paging import page
from rig.jobs.control.templates import with_template
from rig.jobs.engine import Code, Job, Target
from rig.jobs.job_spec import PRESIGN_SECONDS, JobSpec
from rig.jobs.policy_json import POLICY_MEMBERS, read_policy, show_policy
from rig.jobs.process_details import counts_of
from rig.jobs.refusal import RefusalError

_CONTINUOUS, _SNAPSHOT = "CONTINUOUS", "SNAPSHOT"
_PRESIGN = "presignedUrlConfig"
_TEMPLATE = "jobTemplateArn"
_SECONDS = "expiresInSec"


def _create_job(context: Context, members: Members) -> Members:
    refuse_unoffered(members)
    spec = _spec(context, with_template(context, members))
    try:
        context.service.create_specified_job(spec)
    except RefusalError as refusal:
        if refusal.code is not Code.RESOURCE_ALREADY_EXISTS:
            raise
        extra = {"resourceId": spec.job_id, "resourceArn": context.arns.make("job", spec.job_id)}
        raise ControlError(ALREADY_EXISTS, str(refusal), extra) from refusal
    return _named(context, spec.job_id, spec.description)


def _spec(context: Context, members: Members) -> JobSpec:
    presign = members.get(_PRESIGN, {})
    return JobSpec(
        members["jobId"],
        tuple(target_in(target) for target in members["targets"]),
        document_of(context, members),
        read_policy(members),
        continuous=members.get("targetSelection", _SNAPSHOT) == _CONTINUOUS,
        presign_seconds=presign.get(_SECONDS, PRESIGN_SECONDS),
        description=members.get("description"),
        labels={name: members[name] for name in (_PRESIGN, SOURCE, _TEMPLATE) if name in members},
    )


def _describe_job(context: Context, members: Members) -> Members:
    job = context.service.views.job(members["jobId"])
    waiting = context.service.views.waiting_things(job.job_id)
    shown = {
        **_summary(context, job),
        "forceCanceled": job.force_canceled,
        "reasonCode": job.reason_code,
        "comment": job.comment,
        "targets": [context.arns.of_target(target) for target in job.targets],
        "description": job.description,
        _PRESIGN: job.labels.get(_PRESIGN, {}),
        _TEMPLATE: job.labels.get(_TEMPLATE),
        "jobProcessDetails": {**counts_of(job), "processingTargets": list(waiting)},
        **show_policy(job.policy),
    }
    return {"job": shown, SOURCE: job.labels.get(SOURCE)}


def _update_job(context: Context, members: Members) -> None:
    refuse_unoffered(members)
    job = context.service.views.job(members["jobId"])
    policy = None
    if any(name in members for name in POLICY_MEMBERS):
        policy = read_policy({**show_policy(job.policy), **members})
    presign = members.get(_PRESIGN)
    context.service.update_job(
        job.job_id,
        policy,
        description=members.get("description"),
        presign_seconds=None if presign is None else presign.get(_SECONDS, PRESIGN_SECONDS),
        labels=None if presign is None else {**job.labels, _PRESIGN: presign},
    )


def _associate_targets(context: Context, members: Members) -> Members:
    refuse_unoffered(members)
    targets = [target_in(target) for target in members["targets"]]
    job = context.service.add_targets(members["jobId"], targets)
    return _named(context, job.job_id, job.description)


def _cancel_job(context: Context, members: Members) -> Members:
    job = context.service.cancel_job(
        members["jobId"],
        members.get("force", False),
        reason_code=members.get("reasonCode"),
        comment=members.get("comment"),
    )
    return _named(context, members["jobId"], None if job is None else job.description)


def _delete_job(context: Context, members: Members) -> None:
    context.service.delete_job(members["jobId"], members.get("force", False))


def _list_jobs(context: Context, members: Members) -> Members:
    if "thingGroupId" in members:
        known = {group.group_id: group.name for group in context.service.thing_groups.groups()}
        name = known.get(members["thingGroupId"])
        if name is None:
            raise ControlError(NOT_FOUND, "there is no thing group of this id")
        members = {**members, "thingGroupName": name}
    chosen = [job for job in context.service.views.jobs() if _is_wanted(job, members)]
    jobs, token = page(chosen, members)
    return {"jobs": [_summary(context, job) for job in jobs], "nextToken": token}


def _is_wanted(job: Job, members: Members) -> bool:
    if members.get("status", job.status.value) != job.status.value:
        return False
    if members.get("targetSelection", _selection(job)) != _selection(job):
        return False
    return "thingGroupName" not in members or Target.group(members["thingGroupName"]) in job.targets


def _get_job_document(context: Context, members: Members) -> Members:
    return {"document": context.service.views.job(members["jobId"]).document}


def _summary(context: Context, job: Job) -> dict[str, Any]:
    return {
        "jobArn": context.arns.make("job", job.job_id),
        "jobId": job.job_id,
        "targetSelection": _selection(job),
        "status": job.status.value,
        "createdAt": job.created_at,
        "lastUpdatedAt": job.last_updated_at,
        "completedAt": job.completed_at,
        "isConcurrent": job.waiting > 0,
    }


def _selection(job: Job) -> str:
    return _CONTINUOUS if job.continuous else _SNAPSHOT


def _named(context: Context, job_id: str, description: str | None) -> dict[str, str | None]:
    arn = context.arns.make("job", job_id)
    return {"jobArn": arn, "jobId": job_id, "description": description}


OPERATIONS: dict[str, Operation] = {
    "CreateJob": _create_job,
    "DescribeJob": _describe_job,
    "UpdateJob": _update_job,
    "AssociateTargetsWithJob": _associate_targets,
    "CancelJob": _cancel_job,
    "DeleteJob": _delete_job,
    "ListJobs": _list_jobs,
    "GetJobDocument": _get_job_document,
}
