"""What operations work with, and how they are written: members in, members out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from rig.jobs.arns import Arns
from rig.jobs.service import JobService
from rig.jobs.signing_jobs import Signer
from rig.pki import CertificateAuthority


@dataclass(frozen=True)
class Context:
    """The service of one region; `endpoints` has the address of each endpoint type.

    `other_regions` are those that are served beside it.
    """

    service: JobService
    authority: CertificateAuthority
    endpoints: Mapping[str, str]
    arns: Arns
    signer: Signer
    other_regions: frozenset[str] = frozenset()


Members = Mapping[str, Any]
"""The members of a request, checked against the model, or those of an answer."""

Operation = Callable[[Context, Members], Members | None]
