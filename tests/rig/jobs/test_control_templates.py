"""Job templates, as boto3 asks for them (job service §7.2)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.rig.jobs.site import THING_ARN, Site, error_of
from tests.rig.jobs.test_control_jobs import POLICY

WINDOWS = [{"startTime": "cron(0 2 ? * SUN *)", "durationInMinutes": 60}]


@pytest.fixture
def template(site: Site) -> str:
    """The ARN of a template with every member."""
    made = site.iot.create_job_template(
        jobTemplateId="reboot",
        description="reboots",
        document='{"reboot":1}',
        maintenanceWindows=WINDOWS,
        **POLICY,
    )
    return str(made["jobTemplateArn"])


def test_a_template_comes_back_as_it_went(site: Site, template: str) -> None:
    assert template == "arn:aws:iot:us-east-1:000000000000:jobtemplate/reboot"
    shown = site.iot.describe_job_template(jobTemplateId="reboot")
    expected = {**POLICY, "maintenanceWindows": WINDOWS, "document": '{"reboot":1}'}
    assert {name: shown[name] for name in expected} == expected
    (listed,) = site.iot.list_job_templates()["jobTemplates"]
    assert (listed["jobTemplateId"], listed["description"]) == ("reboot", "reboots")
    with pytest.raises(site.iot.exceptions.ConflictException) as caught:
        site.iot.create_job_template(jobTemplateId="reboot", description="x", document="{}")
    assert caught.value.response["resourceId"] == "reboot"
    site.iot.delete_job_template(jobTemplateId="reboot")
    assert site.iot.list_job_templates()["jobTemplates"] == []


def test_a_job_takes_what_it_does_not_have_from_its_template(site: Site, template: str) -> None:
    own = {"inProgressTimeoutInMinutes": 3}
    site.iot.create_job(jobId="j", targets=[THING_ARN], jobTemplateArn=template, timeoutConfig=own)
    job = site.iot.describe_job(jobId="j")["job"]
    expected = {**POLICY, "timeoutConfig": own, "jobTemplateArn": template}
    assert {name: job[name] for name in expected} == expected
    assert job["schedulingConfig"] == {"maintenanceWindows": WINDOWS}
    assert job["description"] == "reboots"
    assert site.iot.get_job_document(jobId="j")["document"] == '{"reboot":1}'


def test_a_template_of_a_job(site: Site) -> None:
    made = site.iot.create_job(
        jobId="j",
        targets=[THING_ARN],
        document='{"a":1}',
        schedulingConfig={"maintenanceWindows": WINDOWS},
        **POLICY,
    )
    site.iot.create_job_template(jobTemplateId="t", description="d", jobArn=made["jobArn"])
    shown = site.iot.describe_job_template(jobTemplateId="t")
    expected = {**POLICY, "maintenanceWindows": WINDOWS, "document": '{"a":1}'}
    assert {name: shown[name] for name in expected} == expected


def test_what_templates_cannot_be(site: Site, template: str) -> None:
    def create(**members: Any) -> Any:
        return site.iot.create_job_template(jobTemplateId="t", description="d", **members)

    bad_window = [{"startTime": "daily", "durationInMinutes": 5}]
    for action in (
        create,
        lambda: create(document="{"),
        lambda: create(document="{}", jobArn=template.replace(":jobtemplate/", ":job/")),
        lambda: create(document="{}", maintenanceWindows=bad_window),
        lambda: create(jobArn=template),
        lambda: site.iot.create_job(
            jobId="j", targets=[THING_ARN], jobTemplateArn=template, document="{}"
        ),
    ):
        assert error_of(action)[:2] == ("InvalidRequestException", 400)
    for action in (
        lambda: create(jobArn=template.replace(":jobtemplate/", ":job/")),
        lambda: site.iot.describe_job_template(jobTemplateId="no"),
        lambda: site.iot.delete_job_template(jobTemplateId="no"),
        lambda: site.iot.create_job(jobId="j", targets=[THING_ARN], jobTemplateArn=template + "x"),
    ):
        assert error_of(action)[:2] == ("ResourceNotFoundException", 404)
    assert site.iot.list_jobs()["jobs"] == []
