"""Things, certificates, and which certificate stands for which things (job service §8.2 A2)."""

from __future__ import annotations

from sqlalchemy import Connection, insert, select

from rig.jobs.store import schema
from rig.jobs.store.records import ThingRecord


class RegistryQueries:
    """The part of a transaction that knows the registry."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add_thing(self, thing: ThingRecord) -> None:
        self._connection.execute(
            insert(schema.things).values(
                name=thing.name, thing_id=thing.thing_id, created_at=thing.created_at
            )
        )

    def thing(self, name: str) -> ThingRecord | None:
        query = select(schema.things).where(schema.things.c.name == name)
        row = self._connection.execute(query).mappings().first()
        return None if row is None else ThingRecord(**row)

    def things(self) -> tuple[ThingRecord, ...]:
        """All things by name."""
        query = select(schema.things).order_by(schema.things.c.name)
        return tuple(ThingRecord(**row) for row in self._connection.execute(query).mappings())

    def add_certificate(
        self, certificate_id: str, created_at: float, *, pem: str | None, active: bool
    ) -> None:
        """Register the certificate; nothing happens if it is there already."""
        table = schema.certificates
        if self.has_certificate(certificate_id):
            return
        self._connection.execute(
            insert(table).values(
                certificate_id=certificate_id, pem=pem, active=active, created_at=created_at
            )
        )

    def has_certificate(self, certificate_id: str) -> bool:
        table = schema.certificates
        query = select(table.c.certificate_id).where(table.c.certificate_id == certificate_id)
        return self._connection.scalar(query) is not None

    def attach(self, certificate_id: str, thing: str) -> None:
        """Let the certificate stand for the thing; attaching twice is attaching once."""
        table = schema.thing_principals
        row = {"certificate_id": certificate_id, "thing": thing}
        found = select(table.c.thing).where(
            table.c.certificate_id == certificate_id, table.c.thing == thing
        )
        if self._connection.scalar(found) is None:
            self._connection.execute(insert(table).values(row))

    def things_of_certificate(self, certificate_id: str) -> frozenset[str]:
        """The things an active certificate stands for; none for one that is not active."""
        principals, certificates = schema.thing_principals, schema.certificates
        query = (
            select(principals.c.thing)
            .join(certificates, principals.c.certificate_id == certificates.c.certificate_id)
            .where(certificates.c.certificate_id == certificate_id, certificates.c.active)
        )
        return frozenset(self._connection.scalars(query))
