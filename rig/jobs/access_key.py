"""An access key of a data directory: an id that is told, a secret that is not."""

from __future__ import annotations

import json
import secrets
import string
from dataclasses import dataclass, field
from pathlib import Path

from rig.errors import UsageError
from rig.private_files import read_file, write_private_file

_ID_LETTERS = string.ascii_uppercase + "234567"
_ID_LENGTH = 16
_SECRET_BYTES = 30


@dataclass(frozen=True)
class AccessKey:
    """Used in SigV4. The control plane's and the download URLs' are separate ones (§8.2 A11)."""

    key_id: str
    secret: str = field(repr=False)

    @classmethod
    def generate(cls) -> AccessKey:
        key_id = "AKIA" + "".join(secrets.choice(_ID_LETTERS) for _ in range(_ID_LENGTH))
        return cls(key_id, secrets.token_urlsafe(_SECRET_BYTES))

    @classmethod
    def load(cls, path: Path) -> AccessKey:
        """Raises `UsageError` if the file is missing or no access key."""
        try:
            fields = json.loads(read_file(path, "access key"))
            return cls(str(fields["access_key_id"]), str(fields["secret_access_key"]))
        except (ValueError, KeyError, TypeError) as error:
            raise UsageError(
                f"{path} is not an access key: remove it to have a new one made"
            ) from error

    @classmethod
    def load_or_generate(cls, path: Path) -> AccessKey:
        """The key in this file; a new one, written with mode 0600, if there is no file."""
        if path.exists():
            return cls.load(path)
        key = cls.generate()
        fields = {"access_key_id": key.key_id, "secret_access_key": key.secret}
        write_private_file(path, json.dumps(fields).encode())
        return key
