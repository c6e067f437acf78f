"""The registry: things, certificates, and which certificate stands for which things (§7.2, §8)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from rig.clock import Clock
from rig.errors import UsageError
from rig.jobs.engine import Code
from rig.jobs.names import check_thing_name
from rig.jobs.refusal import RefusalError
from rig.jobs.store import (
    ACTIVE,
    INACTIVE,
    NON_EXCLUSIVE,
    CertificateRecord,
    Mark,
    Store,
    ThingRecord,
    Transaction,
)
from rig.pki import certificate_id


class Registry:
    """Things and certificates of one store. Raises `UsageError` for bad input, any thread."""

    def __init__(self, store: Store, clock: Clock, random_id: Callable[[], str]) -> None:
        self._store = store
        self._clock = clock
        self._random_id = random_id
        self._on_identity_change: Callable[[], object] | None = None

    def on_identity_change(self, tell: Callable[[], object]) -> None:
        """Call this when a certificate or thing counts no more as it did, after the commit."""
        self._on_identity_change = tell

    def tell_identity_change(self) -> None:
        """Call back; a change of another process counts as well."""
        if self._on_identity_change is not None:
            self._on_identity_change()

    def _note_identity_change(self, transaction: Transaction) -> None:
        """For other processes, whose devices' connections may have to end."""
        transaction.put_out([(Mark.IDENTITIES, None)], self._clock.now())

    # -- things ---------------------------------------------------------------------------------

    def create_thing(
        self,
        name: str,
        attributes: Mapping[str, str] | None = None,
        type_name: str | None = None,
        billing_group: str | None = None,
    ) -> ThingRecord:
        """Register the thing; the same one again if it is there already, just as described."""
        check_thing_name(name)
        wanted = (dict(attributes or {}), type_name, billing_group)
        with self._store.transaction() as transaction:
            found = transaction.thing(name)
            if found is None:
                found = ThingRecord(name, self._random_id(), self._clock.now(), *wanted)
                transaction.add_thing(found)
            elif (dict(found.attributes), found.type_name, found.billing_group) != wanted:
                raise RefusalError(
                    Code.RESOURCE_ALREADY_EXISTS,
                    f"thing {name} exists already with other attributes",
                )
            return found

    def update_thing(
        self,
        name: str,
        attributes: Mapping[str, str] | None,
        *,
        merge: bool,
        type_name: str | None = None,
        remove_type: bool = False,
        expected_version: int | None = None,
    ) -> None:
        """Change attributes (all of them, or with `merge` these; "" removes one) and the type."""
        with self._store.transaction() as transaction:
            thing = self.known_thing(transaction, name)
            _check_version(thing, expected_version)
            if attributes is not None:
                given = {**thing.attributes, **attributes} if merge else attributes
                kept = {key: value for key, value in given.items() if value}
                thing = replace(thing, attributes=kept)
            if type_name is not None or remove_type:
                thing = replace(thing, type_name=type_name)
            transaction.put_thing(replace(thing, version=thing.version + 1))

    def delete_thing(self, name: str, expected_version: int | None = None) -> None:
        """Without the thing; nothing happens if there is none. Its certificates come off first."""
        with self._store.transaction() as transaction:
            thing = transaction.thing(name)
            if thing is None:
                return
            _check_version(thing, expected_version)
            if transaction.principals_of_thing(name):
                raise UsageError(f"thing {name} has certificates: detach them first")
            transaction.delete_thing(name)
            self._note_identity_change(transaction)
        self.tell_identity_change()

    def things(self) -> tuple[ThingRecord, ...]:
        """All things by name."""
        with self._store.transaction() as transaction:
            return transaction.things()

    def thing(self, name: str) -> ThingRecord:
        """Raises `RefusalError` if there is none."""
        with self._store.transaction() as transaction:
            return self.known_thing(transaction, name)

    def has_thing(self, name: str) -> bool:
        with self._store.transaction() as transaction:
            return transaction.thing(name) is not None

    @staticmethod
    def known_thing(transaction: Transaction, name: str) -> ThingRecord:
        """The thing; raises `RefusalError` if there is none."""
        found = transaction.thing(name)
        if found is None:
            raise RefusalError(Code.RESOURCE_NOT_FOUND, f"there is no thing {name}: create it")
        return found

    # -- certificates ---------------------------------------------------------------------------

    def register_certificate(
        self, sha256_hex: str, pem: str | None = None, *, active: bool = True
    ) -> None:
        """Make the certificate known; it stands for no thing yet."""
        now = self._clock.now()
        status = ACTIVE if active else INACTIVE
        with self._store.transaction() as transaction:
            transaction.add_certificate(CertificateRecord(sha256_hex, status, now, now, pem))

    def register_pem(self, pem: str, *, active: bool) -> CertificateRecord:
        """Make a certificate known by its PEM; raises `RefusalError` if it is already."""
        try:
            sha256_hex = certificate_id(pem.encode("ascii"))
        except ValueError as error:
            raise UsageError("the certificate is not PEM") from error
        with self._store.transaction() as transaction:
            if transaction.certificate(sha256_hex) is not None:
                raise RefusalError(
                    Code.RESOURCE_ALREADY_EXISTS, f"certificate {sha256_hex} is registered already"
                )
        self.register_certificate(sha256_hex, pem, active=active)
        return self.certificate(sha256_hex)

    def certificate(self, sha256_hex: str) -> CertificateRecord:
        """Raises `RefusalError` if there is none."""
        with self._store.transaction() as transaction:
            return _known_certificate(transaction, sha256_hex)

    def certificates(self) -> tuple[CertificateRecord, ...]:
        """All certificates, the oldest first."""
        with self._store.transaction() as transaction:
            return transaction.certificates()

    def set_certificate_status(self, sha256_hex: str, status: str) -> None:
        """A certificate that is not ACTIVE stands for no thing (§8.2 A2)."""
        with self._store.transaction() as transaction:
            _known_certificate(transaction, sha256_hex)
            transaction.set_certificate_status(sha256_hex, status, self._clock.now())
            self._note_identity_change(transaction)
        self.tell_identity_change()

    def delete_certificate(self, sha256_hex: str) -> None:
        """Without the certificate, which has to be neither active nor attached."""
        with self._store.transaction() as transaction:
            certificate = _known_certificate(transaction, sha256_hex)
            if certificate.status == ACTIVE:
                raise CertificateActiveError(f"certificate {sha256_hex} is ACTIVE")
            if transaction.things_of_principal(sha256_hex):
                raise CertificateAttachedError(f"certificate {sha256_hex} is attached to a thing")
            transaction.delete_certificate(sha256_hex)

    # -- which stands for which -----------------------------------------------------------------

    def attach_certificate(self, thing: str, sha256_hex: str) -> None:
        """Let the certificate stand for the thing; it is registered if it was not."""
        self.thing(thing)
        self.register_certificate(sha256_hex)
        self.attach(thing, sha256_hex)

    def attach(self, thing: str, sha256_hex: str, kind: str = NON_EXCLUSIVE) -> None:
        """Let a registered certificate stand for the thing; raises `RefusalError`."""
        with self._store.transaction() as transaction:
            self.known_thing(transaction, thing)
            _known_certificate(transaction, sha256_hex)
            transaction.attach(sha256_hex, thing, kind)

    def detach(self, thing: str, sha256_hex: str) -> None:
        """The certificate stands for the thing no more."""
        with self._store.transaction() as transaction:
            self.known_thing(transaction, thing)
            transaction.detach(sha256_hex, thing)
            self._note_identity_change(transaction)
        self.tell_identity_change()

    def certificates_of_thing(self, thing: str) -> tuple[str, ...]:
        with self._store.transaction() as transaction:
            self.known_thing(transaction, thing)
            return tuple(transaction.principals_of_thing(thing))

    def things_of_principal(self, sha256_hex: str) -> tuple[str, ...]:
        """By name, whatever the certificate's status."""
        with self._store.transaction() as transaction:
            return transaction.things_of_principal(sha256_hex)

    def things_of_certificate(self, sha256_hex: str) -> frozenset[str]:
        """The things that this certificate stands for: none if it is not active (§8.2 A2)."""
        with self._store.transaction() as transaction:
            return transaction.things_of_certificate(sha256_hex)


class CertificateActiveError(UsageError):
    """The certificate has to be made inactive first."""


class CertificateAttachedError(UsageError):
    """The certificate has to be detached first."""


def _known_certificate(transaction: Transaction, sha256_hex: str) -> CertificateRecord:
    found = transaction.certificate(sha256_hex)
    if found is None:
        raise RefusalError(Code.RESOURCE_NOT_FOUND, f"there is no certificate {sha256_hex}")
    return found


def _check_version(thing: ThingRecord, expected: int | None) -> None:
    if expected is not None and expected != thing.version:
        raise RefusalError(
            Code.VERSION_MISMATCH,
            f"thing {thing.name} has version {thing.version}, not {expected}",
        )
