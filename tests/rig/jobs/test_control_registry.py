"""Things, certificates and objects, as boto3 asks for them (job service §7.2, §8.2 A2)."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from tests.rig.jobs.site import IMAGE, Site, error_of
from tests.rig.jobs.world import THING


def test_a_thing_with_attributes(site: Site) -> None:
    iot = site.iot
    payload = {"attributes": {"floor": "3", "room": "12"}}
    made = iot.create_thing(thingName="lamp", thingTypeName="light", attributePayload=payload)
    again = iot.create_thing(thingName="lamp", thingTypeName="light", attributePayload=payload)
    assert again["thingId"] == made["thingId"]
    with pytest.raises(iot.exceptions.ResourceAlreadyExistsException):
        iot.create_thing(thingName="lamp")
    shown = iot.describe_thing(thingName="lamp")
    assert (shown["attributes"], shown["version"]) == ({"floor": "3", "room": "12"}, 1)
    merge = {"attributes": {"floor": "", "colour": "red"}, "merge": True}
    iot.update_thing(thingName="lamp", attributePayload=merge, removeThingType=True)
    shown = iot.describe_thing(thingName="lamp")
    assert (shown["attributes"], shown["version"]) == ({"room": "12", "colour": "red"}, 2)
    assert "thingTypeName" not in shown
    with pytest.raises(iot.exceptions.VersionConflictException):
        iot.update_thing(thingName="lamp", thingTypeName="x", expectedVersion=1)


def test_lists_of_things(site: Site) -> None:
    iot = site.iot
    for name, floor in (("a", "1"), ("b", "12"), ("c", "2")):
        iot.create_thing(
            thingName=name, thingTypeName=f"t{floor}", attributePayload={"attributes": {"f": floor}}
        )
    pages = iot.get_paginator("list_things").paginate(PaginationConfig={"PageSize": 3})
    names = [[thing["thingName"] for thing in page["things"]] for page in pages]
    assert names == [["a", "b", "c"], [THING]]

    def found(**members: object) -> list[str]:
        return [thing["thingName"] for thing in iot.list_things(**members)["things"]]

    assert found(attributeName="f") == ["a", "b", "c"]
    assert found(attributeName="f", attributeValue="1") == ["a"]
    assert found(attributeName="f", attributeValue="1", usePrefixAttributeValue=True) == ["a", "b"]
    assert found(thingTypeName="t2") == ["c"]


def test_a_thing_goes_when_its_certificates_have(site: Site) -> None:
    iot = site.iot
    arn = iot.create_keys_and_certificate(setAsActive=True)["certificateArn"]
    iot.attach_thing_principal(thingName=THING, principal=arn)
    assert iot.list_thing_principals(thingName=THING)["principals"] == [arn]
    assert iot.list_principal_things(principal=arn)["things"] == [THING]
    code, status, _ = error_of(lambda: iot.delete_thing(thingName=THING))
    assert (code, status) == ("InvalidRequestException", 400)
    iot.detach_thing_principal(thingName=THING, principal=arn)
    iot.delete_thing(thingName=THING)
    assert not site.world.service.has_thing(THING)
    # Deleting what is not there is no error (§7.2).
    iot.delete_thing(thingName=THING)


def test_a_certificate_counts_only_while_it_is_active(site: Site) -> None:
    iot, registry = site.iot, site.world.service.registry
    made = iot.create_keys_and_certificate()
    certificate = made["certificateId"]
    iot.attach_thing_principal(thingName=THING, principal=made["certificateArn"])
    assert registry.things_of_certificate(certificate) == frozenset()
    iot.update_certificate(certificateId=certificate, newStatus="ACTIVE")
    assert registry.things_of_certificate(certificate) == {THING}
    with pytest.raises(iot.exceptions.CertificateStateException):
        iot.delete_certificate(certificateId=certificate)
    iot.update_certificate(certificateId=certificate, newStatus="REVOKED")
    assert registry.things_of_certificate(certificate) == frozenset()
    shown = iot.describe_certificate(certificateId=certificate)["certificateDescription"]
    assert (shown["status"], shown["certificatePem"]) == ("REVOKED", made["certificatePem"])
    with pytest.raises(iot.exceptions.DeleteConflictException):
        iot.delete_certificate(certificateId=certificate)
    iot.detach_thing_principal(thingName=THING, principal=made["certificateArn"])
    iot.delete_certificate(certificateId=certificate)
    assert iot.list_certificates()["certificates"] == []
    pending = error_of(
        lambda: iot.update_certificate(certificateId=certificate, newStatus="PENDING_TRANSFER")
    )
    assert pending[:2] == ("InvalidRequestException", 400)


def test_a_certificate_of_ones_own(site: Site) -> None:
    iot = site.iot
    pem = iot.create_keys_and_certificate()["certificatePem"]
    with pytest.raises(iot.exceptions.ResourceAlreadyExistsException):
        iot.register_certificate_without_ca(certificatePem=pem, status="ACTIVE")
    (known,) = iot.list_certificates(ascendingOrder=True)["certificates"]
    iot.delete_certificate(certificateId=known["certificateId"])
    made = iot.register_certificate_without_ca(certificatePem=pem, status="ACTIVE")
    assert made["certificateId"] == known["certificateId"]
    bad = error_of(lambda: iot.register_certificate_without_ca(certificatePem="x"))
    assert bad[:2] == ("InvalidRequestException", 400)


def test_an_object_comes_back(site: Site) -> None:
    s3 = site.s3
    etag = s3.put_object(Bucket="images", Key="a b/fw.bin", Body=IMAGE)["ETag"]
    head = s3.head_object(Bucket="images", Key="a b/fw.bin")
    assert (head["ContentLength"], head["ETag"]) == (len(IMAGE), etag)
    assert s3.get_object(Bucket="images", Key="a b/fw.bin")["Body"].read() == IMAGE
    part = s3.get_object(Bucket="images", Key="a b/fw.bin", Range="bytes=10-19")
    assert part["Body"].read() == IMAGE[10:20]
    with pytest.raises(s3.exceptions.NoSuchKey):
        s3.get_object(Bucket="images", Key="nothing")
    with pytest.raises(ClientError, match="404"):
        s3.head_object(Bucket="images", Key="nothing")
    assert error_of(lambda: s3.delete_object(Bucket="images", Key="a b/fw.bin"))[1] == 404
    assert site.recorder.events == ()
