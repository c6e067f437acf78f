"""The published limits of the service, all adjustable (job service §10)."""

from __future__ import annotations

from dataclasses import dataclass

DEFAULT_REGION = "us-east-1"
KIB = 1024
MIB = 1024 * KIB


@dataclass(frozen=True)
class JobSettings:
    """Limits and names. Sizes in bytes unless the name says characters."""

    max_payload: int = 128 * KIB
    """Of a request over MQTT."""
    max_json_depth: int = 32
    max_document_characters: int = 32_768
    max_file: int = 16 * MIB
    """Of a file in an OTA update."""
    max_url_characters: int = 400
    """Of a download URL; devices keep it in a fixed buffer (1500 in the C library)."""
    max_jobs_in_notify: int = 10
    presign_seconds: int = 1800
    """How long a download URL of an OTA update holds."""
    region: str = DEFAULT_REGION
    account: str = "000000000000"
