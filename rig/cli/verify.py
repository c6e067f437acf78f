"""`otarig verify DIR`: check a signed report offline, and that its verdict follows."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from rig.cli.main import EXIT_NOT_CONFORMANT, EXIT_OK, parser
from rig.errors import UsageError
from rig.judge.command import printable
from rig.private_files import read_file
from rig.report.dsse import VerificationKey
from rig.report.statement import KEY_NAME
from rig.report.verifying import VerificationError, verify_report
from rig.run import suite_digest


def run(arguments: Sequence[str]) -> int:
    words = parser("verify", __doc__ or "")
    words.add_argument("report", type=Path, metavar="DIR", help="the directory that certify wrote")
    words.add_argument(
        "--key",
        type=Path,
        metavar="PEM",
        help=f"the signer's public key; default: {KEY_NAME} of the report",
    )
    options = words.parse_args(arguments)
    directory: Path = options.report
    if not directory.is_dir():
        raise UsageError(f"{directory} is no directory; name the one that certify wrote")
    try:
        key = _key(options.key, directory)
        verified = verify_report(directory, key)
    except VerificationError as error:
        print(f"otarig verify: {directory}: {printable(str(error))}", file=sys.stderr)
        return EXIT_NOT_CONFORMANT
    result = verified.result
    print(
        f"{directory} is as it was signed: {verified.files} files, {verified.images} firmware "
        f"images\nverdict, again from the traces: {result.verdict.value} "
        f"({result.profile.value} profile, {len(result.cases)} cases)"
    )
    if verified.suite_digest != suite_digest():
        print("the suite that judged here is not the one of the run; both agree")
    print(f"signed by the key {key.id}")
    if options.key is None:
        print(
            "that key came with the report: it shows that nothing was changed, not who signed; "
            "for that, give the signer's key with --key"
        )
    return EXIT_OK


def _key(given: Path | None, directory: Path) -> VerificationKey:
    """The key to check with. Raises `UsageError` for the user's, else `VerificationError`."""
    if given is not None:
        try:
            return VerificationKey.load(read_file(given, "public key"))
        except ValueError as error:
            raise UsageError(f"the public key {given} cannot be used: {error}") from None
    try:
        return VerificationKey.load((directory / KEY_NAME).read_bytes())
    except OSError as error:
        raise VerificationError(f"{KEY_NAME} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise VerificationError(f"{KEY_NAME}: {error}") from None
