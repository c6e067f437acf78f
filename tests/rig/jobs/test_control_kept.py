"""Policies, tags and buckets: what scripts for AWS expect to be there (job service §7.2)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.rig.jobs.site import IMAGE, THING_ARN, Site, error_of, update_arguments

DOCUMENT = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "iot:*", "Resource": "*"}],
    }
)
TAGS = [{"Key": "owner", "Value": "lab 3"}]
ROLE = "arn:aws:iam::000000000000:role/otarig-ota-role"


# -- policies --------------------------------------------------------------------------------------


def test_a_policy_is_kept_and_shown(site: Site) -> None:
    iot = site.iot
    made = iot.create_policy(policyName="p", policyDocument=DOCUMENT)
    assert made["policyArn"] == "arn:aws:iot:us-east-1:000000000000:policy/p"
    assert iot.get_policy(policyName="p")["policyDocument"] == DOCUMENT
    with pytest.raises(iot.exceptions.ResourceAlreadyExistsException):
        iot.create_policy(policyName="p", policyDocument=DOCUMENT)
    certificate = iot.create_keys_and_certificate()["certificateArn"]
    iot.attach_policy(policyName="p", target=certificate)
    iot.attach_policy(policyName="p", target=certificate)
    attached = iot.list_attached_policies(target=certificate)["policies"]
    assert [policy["policyName"] for policy in attached] == ["p"]
    assert iot.list_targets_for_policy(policyName="p")["targets"] == [certificate]
    with pytest.raises(iot.exceptions.DeleteConflictException):
        iot.delete_policy(policyName="p")
    iot.detach_policy(policyName="p", target=certificate)
    iot.delete_policy(policyName="p")
    assert iot.list_policies()["policies"] == []


def test_policies_that_cannot_be(site: Site) -> None:
    iot = site.iot
    for document in ("{", "[]", "{}", '{"Statement": []}'):
        with pytest.raises(iot.exceptions.MalformedPolicyException):
            iot.create_policy(policyName="p", policyDocument=document)
    for action in (
        lambda: iot.get_policy(policyName="p"),
        lambda: iot.attach_policy(policyName="p", target="x"),
        lambda: iot.list_targets_for_policy(policyName="p"),
        lambda: iot.delete_policy(policyName="p"),
    ):
        assert error_of(action)[:2] == ("ResourceNotFoundException", 404)


def test_policies_come_in_pages(site: Site) -> None:
    for number in range(3):
        site.iot.create_policy(policyName=f"p{number}", policyDocument=DOCUMENT)
    first = site.iot.list_policies(pageSize=2)
    rest = site.iot.list_policies(pageSize=2, marker=first["nextMarker"])
    names = [[p["policyName"] for p in answer["policies"]] for answer in (first, rest)]
    assert names == [["p0", "p1"], ["p2"]]
    assert "nextMarker" not in rest


# -- tags ------------------------------------------------------------------------------------------


def make(site: Site, kind: str) -> str:
    """A resource with tags; its ARN."""
    iot = site.iot
    site.s3.put_object(Bucket="images", Key="fw.bin", Body=IMAGE)
    file = {"fileId": 0, "s3Location": {"bucket": "images", "key": "fw.bin"}}
    makers: dict[str, Any] = {
        "job": lambda: iot.create_job(jobId="r", targets=[THING_ARN], document="{}", tags=TAGS)[
            "jobArn"
        ],
        "jobtemplate": lambda: iot.create_job_template(
            jobTemplateId="r", description="d", document="{}", tags=TAGS
        )["jobTemplateArn"],
        "otaupdate": lambda: iot.create_ota_update(**update_arguments(otaUpdateId="r"), tags=TAGS)[
            "otaUpdateArn"
        ],
        "policy": lambda: iot.create_policy(policyName="r", policyDocument=DOCUMENT, tags=TAGS)[
            "policyArn"
        ],
        "stream": lambda: iot.create_stream(streamId="r", files=[file], roleArn=ROLE, tags=TAGS)[
            "streamArn"
        ],
        "thinggroup": lambda: iot.create_thing_group(thingGroupName="r", tags=TAGS)[
            "thingGroupArn"
        ],
    }
    return str(makers[kind]())


DELETE: dict[str, Any] = {
    "job": lambda iot: iot.delete_job(jobId="r", force=True),
    "jobtemplate": lambda iot: iot.delete_job_template(jobTemplateId="r"),
    "otaupdate": lambda iot: iot.delete_ota_update(otaUpdateId="r", forceDeleteAWSJob=True),
    "policy": lambda iot: iot.delete_policy(policyName="r"),
    "stream": lambda iot: iot.delete_stream(streamId="r"),
    "thinggroup": lambda iot: iot.delete_thing_group(thingGroupName="r"),
}


@pytest.mark.parametrize("kind", DELETE)
def test_tags_are_given_kept_and_gone(site: Site, kind: str) -> None:
    iot = site.iot
    arn = make(site, kind)
    assert iot.list_tags_for_resource(resourceArn=arn)["tags"] == TAGS
    iot.tag_resource(resourceArn=arn, tags=[{"Key": "a", "Value": "1"}])
    iot.untag_resource(resourceArn=arn, tagKeys=["owner", "unknown"])
    assert iot.list_tags_for_resource(resourceArn=arn)["tags"] == [{"Key": "a", "Value": "1"}]
    DELETE[kind](iot)
    gone = error_of(lambda: iot.list_tags_for_resource(resourceArn=arn))
    assert gone[:2] == ("ResourceNotFoundException", 404)
    # Another one of the same name has its own.
    assert make(site, kind) == arn
    assert iot.list_tags_for_resource(resourceArn=arn)["tags"] == TAGS


def test_tags_that_cannot_be(site: Site) -> None:
    iot = site.iot
    arn = make(site, "thinggroup")
    twice = [{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}]
    for action in (
        lambda: iot.tag_resource(resourceArn=arn, tags=twice),
        lambda: iot.tag_resource(resourceArn=THING_ARN, tags=TAGS),
        lambda: iot.tag_resource(resourceArn="x", tags=TAGS),
    ):
        assert error_of(action)[:2] == ("InvalidRequestException", 400)
    many = [{"Key": f"k{number}", "Value": "x"} for number in range(50)]
    with pytest.raises(iot.exceptions.LimitExceededException):
        iot.tag_resource(resourceArn=arn, tags=many)
    assert iot.list_tags_for_resource(resourceArn=arn)["tags"] == TAGS


# -- buckets ---------------------------------------------------------------------------------------


def test_every_bucket_is_there(site: Site) -> None:
    s3 = site.s3
    s3.create_bucket(Bucket="firmware-images")
    s3.head_bucket(Bucket="firmware-images")
    s3.put_object(Bucket="firmware-images", Key="k", Body=b"x")
    with pytest.raises(ClientError, match="UnknownOperation"):
        s3.put_bucket_versioning(
            Bucket="firmware-images", VersioningConfiguration={"Status": "Enabled"}
        )
