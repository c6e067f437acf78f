"""Whatever members a request has: it is answered by the model, never by a fault of ours."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.model import Shape
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rig.errors import UsageError
from rig.jobs.arns import Arns
from rig.jobs.control.apis import APIS
from rig.jobs.control.context import Context
from rig.jobs.control.errors import ControlError
from rig.jobs.control.model import RawCall, service_model
from rig.jobs.engine import Target
from rig.jobs.ota_update import OtaFile, OtaUpdateSpec
from rig.jobs.signing_jobs import Signer
from rig.jobs.thing_groups import GroupSpec
from rig.pki import CertificateAuthority
from rig.signing import SigningKey
from tests.rig.jobs.site import IMAGE, THING_ARN
from tests.rig.jobs.world import THING, World

OPERATIONS = [(service, name) for service, api in APIS.items() for name in api.operations]
ROLE = "arn:aws:iam::000000000000:role/otarig-ota-role"
KINDS = ("thinggroup", "job", "jobtemplate", "stream", "policy", "cert", "otaupdate")
ARNS = [THING_ARN, *(THING_ARN.replace(f"thing/{THING}", f"{kind}/aa") for kind in KINDS)]
ODD = st.sampled_from(["", "$next", "x" * 200, "ä", "get", "\x00", "/", "1", "nobody"])
HINTS = {
    "document": ["{}", '{"Statement":[1]}', "{"],
    "arn": ARNS,
    "target": ARNS,
    "targets": ARNS,
    "principal": ARNS,
    "rolearn": [ROLE],
    "thingname": [THING, "aa"],
    "bucket": ["images"],
    "bucketname": ["images"],
    "key": ["fw.bin"],
    "platformid": ["AmazonFreeRTOS-Default"],
    "platform": ["AmazonFreeRTOS-Default"],
    "force": ["true", "false"],
    "starttime": ["2033-01-01T00:00", "cron(0 0 * * ? *)"],
}
"""What a text probably is, by the last word of its member's name."""
JUNK = st.sampled_from([None, True, 0, -1, 2**70, 1.5, float("inf"), "x", [], {}, [None], {"a": 1}])


@pytest.fixture
def context(world: World) -> Context:
    """With something of most kinds in it that is called `aa`."""
    service = world.service
    service.put_object("images", "fw.bin", IMAGE)
    service.registry.create_thing("aa")
    service.thing_groups.create(GroupSpec("aa"))
    service.create_job("aa", [THING, "aa"], {})
    service.create_ota_update(
        OtaUpdateSpec("aa", (Target.thing(THING),), (OtaFile("f", "images", "fw.bin"),))
    )
    numbers = iter(range(10**9))
    signer = Signer(
        world.store,
        service.objects,
        world.clock,
        lambda: f"{next(numbers):032}",
        SigningKey.generate(),
    )
    authority = CertificateAuthority.generate(world.clock)
    return Context(service, authority, {"iot:Data": "here"}, Arns(service.settings), signer)


def texts(name: str) -> st.SearchStrategy[str]:
    """Texts for a member of this name, most of them right."""
    wanted = name.lower()
    fitting = [found for hint, found in HINTS.items() if wanted.endswith(hint)]
    right = st.sampled_from(fitting[-1] if fitting else ["aa", "aa", "ab"])
    return _mostly(right, ODD)


def _mostly(right: st.SearchStrategy[Any], other: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.integers(0, 24).flatmap(lambda number: other if number == 13 else right)


def values(shape: Shape, name: str, depth: int = 0) -> st.SearchStrategy[Any]:
    """Values of a shape, most of them right, and junk among them."""
    kind = shape.type_name
    right: st.SearchStrategy[Any] = texts(name)
    if kind == "structure":
        members = {
            member.serialization.get("name", inner): values(member, inner, depth + 1)
            for inner, member in shape.members.items()
            if member.serialization.get("location") is None
        }
        needed = {n: members.pop(n) for n in shape.required_members if n in members}
        right = st.fixed_dictionaries(needed, optional=members)
    elif kind == "list":
        right = st.lists(values(shape.member, name, depth + 1), min_size=1, max_size=2)
    elif kind == "map":
        right = st.dictionaries(texts("key"), values(shape.value, name, depth + 1), max_size=2)
    elif kind in {"integer", "long", "double", "float"}:
        right = st.sampled_from([1, 2, 60, 1000])
    elif kind == "boolean":
        right = st.booleans()
    elif kind == "blob":
        right = st.sampled_from(["AAEC", "?"])
    elif shape.metadata.get("enum"):
        right = st.sampled_from(shape.metadata["enum"])
    return right if depth == 0 else _mostly(right, JUNK)


@pytest.mark.parametrize(("service", "operation"), OPERATIONS)
def test_no_members_make_a_fault_of_ours(context: Context, service: str, operation: str) -> None:
    api = APIS[service]
    shape = service_model(service).operation_model(operation).input_shape
    located = {
        member.serialization["name"]: member.serialization["location"]
        for member in shape.members.values()
        if member.serialization.get("location") is not None
    }
    of_path, others = (
        {name: texts(name) for name, where in located.items() if (where == "uri") is in_path}
        for in_path in (True, False)
    )
    parts = st.fixed_dictionaries(of_path), st.fixed_dictionaries({}, optional=others)

    @settings(
        max_examples=40,
        deadline=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(*parts, values(shape, ""))
    def ask(path: dict[str, str], more: dict[str, str], body: Any) -> None:
        try:
            members = api.model.read(operation, RawCall(path, more, more, body))
            api.model.write(operation, api.operations[operation](context, members))
        except (ControlError, UsageError):
            pass

    ask()
