"""One script of AWS calls, for any server that takes them, and what comes of each in few words."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import ClientError

DOCUMENT = '{"operation":"x"}'
ROLE = "arn:aws:iam::000000000000:role/otarig-ota-role"
NOWHERE = "arn:aws:iot:us-east-1:000000000000:thing/nowhere"
POLICY = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "iot:*", "Resource": "*"}],
    }
)
ROLLOUT = {
    "criteriaList": [
        {
            "failureType": "ALL",
            "action": "CANCEL",
            "thresholdPercentage": 500,
            "minNumberOfExecutedThings": 1,
        }
    ]
}


class Script:
    """Runs the calls in their order; `outcomes` has one line for each, by its name.

    `client` makes a boto3 client of a service. A line is what the answer says that matters, or the
    error's code and HTTP status.
    """

    def __init__(self, client: Callable[[str], Any]) -> None:
        self.outcomes: dict[str, str] = {}
        self._iot = client("iot")
        self._data = client("iot-jobs-data")
        self._signer = client("signer")
        self._arns: dict[str, str] = {}

    def run(self) -> Mapping[str, str]:
        self._registry()
        self._groups()
        self._certificates()
        self._jobs()
        self._executions()
        self._ends_of_jobs()
        self._templates()
        self._more_services()
        return self.outcomes

    def _call(self, name: str, call: Callable[[], Any], tell: Callable[[Any], object]) -> None:
        assert name not in self.outcomes, name
        try:
            self.outcomes[name] = str(tell(call()))
        except ClientError as error:
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            self.outcomes[name] = f"{error.response['Error']['Code']} {status}"

    def _ok(self, name: str, call: Callable[[], Any]) -> None:
        self._call(name, call, lambda _answer: "done")

    def _registry(self) -> None:
        iot = self._iot

        def create(name: str, **attributes: str) -> Any:
            made = iot.create_thing(thingName=name, attributePayload={"attributes": attributes})
            self._arns[name] = made["thingArn"]
            return made

        self._ok("CreateThing", lambda: create("t1", colour="red"))
        self._ok("CreateThing, the same again", lambda: create("t1", colour="red"))
        self._ok("CreateThing, the same name otherwise", lambda: create("t1", colour="blue"))
        self._ok("CreateThing, a second", lambda: create("t2"))
        self._call(
            "DescribeThing",
            lambda: iot.describe_thing(thingName="t1"),
            lambda thing: (thing["attributes"]["colour"], thing["version"]),
        )
        self._ok("DescribeThing of nothing", lambda: iot.describe_thing(thingName="no"))
        payload = {"attributes": {"colour": "green"}}
        self._ok(
            "UpdateThing with a stale version",
            lambda: iot.update_thing(thingName="t1", attributePayload=payload, expectedVersion=9),
        )
        self._call(
            "ListThings",
            lambda: iot.list_things(),
            lambda answer: sorted(thing["thingName"] for thing in answer["things"]),
        )
        self._ok("DeleteThing of nothing", lambda: iot.delete_thing(thingName="no"))

    def _groups(self) -> None:
        iot = self._iot

        def create() -> Any:
            made = iot.create_thing_group(thingGroupName="g1")
            self._arns["g1"] = made["thingGroupArn"]
            return made

        self._ok("CreateThingGroup", create)
        self._ok("CreateThingGroup, the same again", create)
        self._ok(
            "AddThingToThingGroup",
            lambda: iot.add_thing_to_thing_group(thingGroupName="g1", thingName="t1"),
        )
        self._call(
            "ListThingsInThingGroup",
            lambda: iot.list_things_in_thing_group(thingGroupName="g1"),
            lambda answer: answer["things"],
        )
        self._ok(
            "AddThingToThingGroup, unknown thing",
            lambda: iot.add_thing_to_thing_group(thingGroupName="g1", thingName="no"),
        )

    def _certificates(self) -> None:
        iot = self._iot
        made: dict[str, Any] = {}
        self._ok(
            "CreateKeysAndCertificate",
            lambda: made.update(iot.create_keys_and_certificate(setAsActive=True)),
        )
        self._ok(
            "AttachThingPrincipal",
            lambda: iot.attach_thing_principal(thingName="t2", principal=made["certificateArn"]),
        )
        self._call(
            "ListThingPrincipals",
            lambda: iot.list_thing_principals(thingName="t2"),
            lambda answer: len(answer["principals"]),
        )
        self._ok("DeleteThing with a principal", lambda: iot.delete_thing(thingName="t2"))
        self._ok("CreatePolicy", lambda: iot.create_policy(policyName="p1", policyDocument=POLICY))
        self._ok(
            "CreatePolicy, no policy document",
            lambda: iot.create_policy(policyName="p2", policyDocument="{"),
        )
        self._ok("GetPolicy of nothing", lambda: iot.get_policy(policyName="no"))

    def _jobs(self) -> None:
        iot, t1 = self._iot, self._arns["t1"]

        def create(job: str, *targets: str, **more: Any) -> Any:
            return iot.create_job(jobId=job, targets=list(targets), **more)

        self._ok("CreateJob", lambda: create("j1", t1, document=DOCUMENT))
        self._ok("CreateJob, the same id again", lambda: create("j1", t1, document=DOCUMENT))
        self._ok("CreateJob, unknown target", lambda: create("j2", NOWHERE, document=DOCUMENT))
        self._ok("CreateJob, document not JSON", lambda: create("j3", t1, document="{"))
        self._ok("CreateJob, no document", lambda: create("j4", t1))
        self._ok(
            "CreateJob, threshold of 500 %",
            lambda: create("j5", t1, document=DOCUMENT, abortConfig=ROLLOUT),
        )
        self._call(
            "DescribeJob",
            lambda: iot.describe_job(jobId="j1")["job"],
            lambda job: (job["status"], job["jobProcessDetails"].get("numberOfQueuedThings")),
        )
        self._ok("DescribeJob of nothing", lambda: iot.describe_job(jobId="no"))
        self._call(
            "GetJobDocument",
            lambda: iot.get_job_document(jobId="j1"),
            lambda answer: answer["document"],
        )
        self._call(
            "ListJobs, completed ones",
            lambda: iot.list_jobs(status="COMPLETED"),
            lambda answer: len(answer["jobs"]),
        )
        self._ok("CreateJob for a group", lambda: create("jg", self._arns["g1"], document=DOCUMENT))
        self._call(
            "ListJobExecutionsForJob of a group's job",
            lambda: iot.list_job_executions_for_job(jobId="jg"),
            lambda answer: [
                each["thingArn"].rpartition("/")[2] for each in answer["executionSummaries"]
            ],
        )
        self._ok("UpdateJob", lambda: iot.update_job(jobId="j1", description="another description"))

    def _executions(self) -> None:
        iot, data = self._iot, self._data
        self._call(
            "DescribeJobExecution",
            lambda: iot.describe_job_execution(thingName="t1", jobId="j1")["execution"],
            lambda execution: (
                execution["status"],
                f"number {execution['executionNumber']}",
                f"version {execution['versionNumber']}",
                "started" if "startedAt" in execution else "not started",
            ),
        )
        self._ok(
            "DescribeJobExecution of nothing",
            lambda: iot.describe_job_execution(thingName="t1", jobId="no"),
        )
        self._call(
            "iot-jobs-data GetPendingJobExecutions",
            lambda: data.get_pending_job_executions(thingName="t1"),
            lambda answer: [job["jobId"] for job in answer["queuedJobs"]],
        )
        self._call(
            "iot-jobs-data StartNextPendingJobExecution",
            lambda: data.start_next_pending_job_execution(thingName="t1"),
            lambda answer: answer["execution"]["jobId"],
        )
        self._call(
            "iot-jobs-data UpdateJobExecution",
            lambda: data.update_job_execution(
                jobId="j1", thingName="t1", status="SUCCEEDED", includeJobExecutionState=True
            ),
            lambda answer: answer["executionState"]["status"],
        )
        self._ok(
            "CancelJobExecution that is over",
            lambda: iot.cancel_job_execution(thingName="t1", jobId="j1"),
        )

    def _ends_of_jobs(self) -> None:
        iot, t1 = self._iot, self._arns["t1"]
        self._ok(
            "CreateJob to cancel",
            lambda: iot.create_job(jobId="jc", targets=[t1], document=DOCUMENT),
        )
        iot.create_job(jobId="jd", targets=[t1], document=DOCUMENT)
        self._ok("DeleteJob in progress", lambda: iot.delete_job(jobId="jd"))
        self._ok("CancelJob", lambda: iot.cancel_job(jobId="jc"))
        self._call(
            "ListJobExecutionsForJob of a canceled job",
            lambda: iot.list_job_executions_for_job(jobId="jc"),
            lambda answer: [
                each["jobExecutionSummary"]["status"] for each in answer["executionSummaries"]
            ],
        )
        self._ok("CancelJob of nothing", lambda: iot.cancel_job(jobId="no"))
        self._ok("DeleteJob of nothing", lambda: iot.delete_job(jobId="no"))

    def _templates(self) -> None:
        iot = self._iot

        def create() -> Any:
            return iot.create_job_template(jobTemplateId="x1", description="d", document=DOCUMENT)

        self._ok("CreateJobTemplate", create)
        self._ok("CreateJobTemplate, the same id again", create)
        self._call(
            "DescribeJobTemplate",
            lambda: iot.describe_job_template(jobTemplateId="x1"),
            lambda answer: (answer["description"], answer["document"]),
        )
        self._ok("DeleteJobTemplate", lambda: iot.delete_job_template(jobTemplateId="x1"))

    def _more_services(self) -> None:
        iot, signer = self._iot, self._signer
        source = {"fileId": 0, "s3Location": {"bucket": "b", "key": "k"}}
        self._ok(
            "CreateStream of an object that is not there",
            lambda: iot.create_stream(streamId="s1", files=[source], roleArn=ROLE),
        )
        self._call("ListStreams", lambda: iot.list_streams(), lambda answer: answer["streams"])
        self._call(
            "ListOTAUpdates", lambda: iot.list_ota_updates(), lambda answer: answer["otaUpdates"]
        )
        self._ok(
            "TagResource",
            lambda: iot.tag_resource(
                resourceArn=self._arns["g1"], tags=[{"Key": "k", "Value": "v"}]
            ),
        )
        self._ok(
            "PutSigningProfile",
            lambda: signer.put_signing_profile(
                profileName="profile1",
                platformId="AWSIoTDeviceManagement-SHA256-ECDSA",
                signingMaterial={"certificateArn": "arn:aws:acm:us-east-1:1:certificate/c"},
            ),
        )
        self._ok("DescribeSigningJob of nothing", lambda: signer.describe_signing_job(jobId="no"))
