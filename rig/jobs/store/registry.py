"""Things, certificates, and which certificate stands for which things (job service §8.2 A2)."""

from __future__ import annotations

from dataclasses import asdict

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from rig.jobs.store import schema
from rig.jobs.store.records import ACTIVE, NON_EXCLUSIVE, CertificateRecord, ThingRecord

# Built once: a device is looked up each time that it connects.
_THING = select(schema.things).where(schema.things.c.name == bindparam("of_name"))
_THINGS_OF_CERTIFICATE = (
    select(schema.thing_principals.c.thing)
    .join(schema.certificates)
    .where(
        schema.certificates.c.certificate_id == bindparam("of_certificate"),
        schema.certificates.c.status == ACTIVE,
    )
)


class RegistryQueries:
    """The part of a transaction that knows the registry."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    # -- things ---------------------------------------------------------------------------------

    def add_thing(self, thing: ThingRecord) -> None:
        self._connection.execute(insert(schema.things).values(asdict(thing)))

    def put_thing(self, thing: ThingRecord) -> None:
        """In place of the thing of the same name, which has to be there."""
        changed = update(schema.things).where(schema.things.c.name == thing.name)
        self._connection.execute(changed.values(asdict(thing)))

    def delete_thing(self, name: str) -> None:
        """Without the thing, which no certificate may stand for; it leaves its groups."""
        members = schema.group_members
        self._connection.execute(delete(members).where(members.c.thing == name))
        self._connection.execute(delete(schema.things).where(schema.things.c.name == name))

    def thing(self, name: str) -> ThingRecord | None:
        row = self._connection.execute(_THING, {"of_name": name}).mappings().first()
        return None if row is None else ThingRecord(**row)

    def things(self) -> tuple[ThingRecord, ...]:
        """All things by name."""
        query = select(schema.things).order_by(schema.things.c.name)
        return tuple(ThingRecord(**row) for row in self._connection.execute(query).mappings())

    # -- certificates ---------------------------------------------------------------------------

    def add_certificate(self, certificate: CertificateRecord) -> None:
        """Register the certificate; nothing happens if it is there already."""
        if not self.has_certificate(certificate.certificate_id):
            self._connection.execute(insert(schema.certificates).values(asdict(certificate)))

    def set_certificate_status(self, certificate_id: str, status: str, now: float) -> None:
        table = schema.certificates
        changed = update(table).where(table.c.certificate_id == certificate_id)
        self._connection.execute(changed.values(status=status, updated_at=now))

    def delete_certificate(self, certificate_id: str) -> None:
        table = schema.certificates
        self._connection.execute(delete(table).where(table.c.certificate_id == certificate_id))

    def certificate(self, certificate_id: str) -> CertificateRecord | None:
        table = schema.certificates
        query = select(table).where(table.c.certificate_id == certificate_id)
        row = self._connection.execute(query).mappings().first()
        return None if row is None else CertificateRecord(**row)

    def certificates(self) -> tuple[CertificateRecord, ...]:
        query = select(schema.certificates).order_by(
            schema.certificates.c.created_at, schema.certificates.c.certificate_id
        )
        return tuple(CertificateRecord(**row) for row in self._connection.execute(query).mappings())

    def has_certificate(self, certificate_id: str) -> bool:
        table = schema.certificates
        query = select(table.c.certificate_id).where(table.c.certificate_id == certificate_id)
        return self._connection.scalar(query) is not None

    # -- which stands for which -----------------------------------------------------------------

    def attach(self, certificate_id: str, thing: str, kind: str = NON_EXCLUSIVE) -> None:
        """Let the certificate stand for the thing; attaching twice is attaching once."""
        if certificate_id not in self.principals_of_thing(thing):
            row = {"certificate_id": certificate_id, "thing": thing, "kind": kind}
            self._connection.execute(insert(schema.thing_principals).values(row))

    def detach(self, certificate_id: str, thing: str) -> None:
        table = schema.thing_principals
        self._connection.execute(
            delete(table).where(table.c.certificate_id == certificate_id, table.c.thing == thing)
        )

    def principals_of_thing(self, thing: str) -> dict[str, str]:
        """The certificates of a thing, and how each is attached."""
        table = schema.thing_principals
        query = select(table).where(table.c.thing == thing).order_by(table.c.certificate_id)
        rows = self._connection.execute(query).mappings()
        return {row["certificate_id"]: row["kind"] for row in rows}

    def things_of_principal(self, certificate_id: str) -> tuple[str, ...]:
        """The things of a certificate by name, whatever its status."""
        table = schema.thing_principals
        query = select(table.c.thing).where(table.c.certificate_id == certificate_id)
        return tuple(self._connection.scalars(query.order_by(table.c.thing)))

    def things_of_certificate(self, certificate_id: str) -> frozenset[str]:
        """The things an active certificate stands for; none for one that is not active."""
        of = {"of_certificate": certificate_id}
        return frozenset(self._connection.scalars(_THINGS_OF_CERTIFICATE, of))
