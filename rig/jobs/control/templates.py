"""Job templates (job service §7.2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rig.jobs.control.arns import name_in
from rig.jobs.control.context import Context, Members, Operation
from rig.jobs.control.errors import INVALID_REQUEST, ControlError
from rig.jobs.control.job_members import DOCUMENT, SOURCE, document_of, refuse_unoffered
from rig.jobs.control.paging import page
from rig.jobs.engine import Code
from rig.jobs.policy_json import POLICY_MEMBERS, SCHEDULE, read_policy, show_policy
from rig.jobs.refusal import RefusalError
from rig.jobs.store import KeptRecord

_ID, _JOB_ARN, _WINDOWS = "jobTemplateId", "jobArn", "maintenanceWindows"
_PRESIGN = "presignedUrlConfig"


def _create_job_template(context: Context, members: Members) -> Members:
    refuse_unoffered(members)
    template_id = members[_ID]
    content = {
        name: value for name, value in members.items() if name not in {_ID, _JOB_ARN, "tags"}
    }
    if _JOB_ARN in members:
        if DOCUMENT in members or SOURCE in members:
            raise ControlError(INVALID_REQUEST, "give one of jobArn, document and documentSource")
        content = {**_of_job(context, members[_JOB_ARN]), **content}
    else:
        content[DOCUMENT] = document_of(context, members)
    read_policy(_policy(content))
    try:
        context.service.templates.create(template_id, content)
    except RefusalError as refusal:
        if refusal.code is not Code.RESOURCE_ALREADY_EXISTS:
            raise
        raise ControlError("ConflictException", str(refusal), {"resourceId": template_id}) from None
    return _names(context, template_id)


def _of_job(context: Context, arn: str) -> dict[str, Any]:
    """What a template takes over from a job."""
    job = context.service.views.job(name_in(arn, "job"))
    members: dict[str, Any] = {DOCUMENT: job.document, **show_policy(job.policy)}
    windows = members.pop(SCHEDULE, {}).get(_WINDOWS)
    if windows is not None:
        members[_WINDOWS] = windows
    return members | {name: job.labels[name] for name in (_PRESIGN, SOURCE) if name in job.labels}


def _policy(content: Mapping[str, Any]) -> dict[str, Any]:
    """The policy of a job from this template: its windows are those of a schedule."""
    policy = {name: content[name] for name in POLICY_MEMBERS if name in content}
    if _WINDOWS in content:
        policy[SCHEDULE] = {_WINDOWS: content[_WINDOWS]}
    return policy


def with_template(context: Context, members: Members) -> Members:
    """The members of a CreateJob, filled up from the template that it names (§3).

    Raises `ControlError`; a document stands in one place only, everything else may be given anew.
    """
    arn = members.get("jobTemplateArn")
    if arn is None:
        return members
    if DOCUMENT in members or SOURCE in members:
        raise ControlError(INVALID_REQUEST, "the job template has the document: give no other")
    content = context.service.templates.template(name_in(arn, "jobtemplate")).content
    own = {name: content[name] for name in ("description", DOCUMENT, _PRESIGN) if name in content}
    return {**own, **_policy(content), **members}


def _describe_job_template(context: Context, members: Members) -> Members:
    found = context.service.templates.template(members[_ID])
    return {**_names(context, found.name), **found.content, "createdAt": found.created_at}


def _list_job_templates(context: Context, members: Members) -> Members:
    templates, token = page(context.service.templates.templates(), members)
    return {"jobTemplates": [_summary(context, one) for one in templates], "nextToken": token}


def _delete_job_template(context: Context, members: Members) -> None:
    context.service.templates.delete(members[_ID])


def _names(context: Context, template_id: str) -> dict[str, str]:
    return {"jobTemplateArn": context.arns.make("jobtemplate", template_id), _ID: template_id}


def _summary(context: Context, template: KeptRecord) -> dict[str, Any]:
    return {
        **_names(context, template.name),
        "description": template.content["description"],
        "createdAt": template.created_at,
    }


OPERATIONS: dict[str, Operation] = {
    "CreateJobTemplate": _create_job_template,
    "DescribeJobTemplate": _describe_job_template,
    "ListJobTemplates": _list_job_templates,
    "DeleteJobTemplate": _delete_job_template,
}
