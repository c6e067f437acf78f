"""How much memory each TLS connection of asyncio takes."""

from __future__ import annotations

from asyncio import sslproto

RECORD = 16 * 1024
"""The most that one TLS record carries (RFC 8446 §5.1)."""


def keep_them_small() -> None:
    """Read a record at a time from now on, in this process.

    asyncio gives each TLS connection a buffer of 256 KiB to read into, filled with zeros and so
    really there: a thousand idle devices would take 300 MiB. What a device sends is short.
    """
    sslproto.SSLProtocol.max_size = RECORD
