"""The portable parts of the firmware, compiled for this machine and called through ctypes."""

from __future__ import annotations

import ctypes
import mmap
from pathlib import Path

from targets.firmware.build import SOURCES, zig

HOST = Path(__file__).parent / "host"
PORTABLE = (
    "shared/boot_choice.c",
    "shared/boot_plan.c",
    "shared/boot_record.c",
    "shared/crc.c",
    "shared/device_page.c",
    "shared/image_header.c",
    "shared/memory.c",
    "shared/text.c",
    "net/http_head.c",
    "net/mqtt_packet.c",
    "net/slip.c",
    "ota/base64_text.c",
    "ota/cbor.c",
    "ota/der.c",
    "ota/job_document.c",
    "ota/json.c",
    "ota/number_text.c",
    "ota/platform.c",
    "ota/status.c",
    "ota/stream.c",
    "ota/topics.c",
    "ota/transitions.c",
)


class Slice(ctypes.Structure):
    _fields_ = (("at", ctypes.c_void_p), ("length", ctypes.c_size_t))

    def value(self) -> bytes:
        return ctypes.string_at(self.at, self.length) if self.length else b""


class Text(ctypes.Structure):
    _fields_ = (
        ("at", ctypes.c_void_p),
        ("length", ctypes.c_size_t),
        ("room", ctypes.c_size_t),
        ("cut", ctypes.c_bool),
    )


def build_host_library(folder: Path) -> ctypes.CDLL:
    """Compile with checks for undefined behaviour, which then ends the process."""
    library = folder / "firmware.so"
    sources = [str(SOURCES / name) for name in PORTABLE] + [
        str(path) for path in sorted(HOST.glob("*.c"))
    ]
    zig(
        "cc",
        "-shared",
        "-fPIC",
        "-nostdlib",
        "-std=c11",
        "-O1",
        "-fsanitize=undefined",
        "-fsanitize-trap=undefined",
        "-Wall",
        "-Wextra",
        "-Werror",
        "-I",
        str(SOURCES),
        *sources,
        "-o",
        str(library),
    )
    loaded = ctypes.CDLL(str(library))
    for name in ("json_is_valid", "number_text", "base64_text", "data_block_read", "slip_take"):
        getattr(loaded, name).restype = ctypes.c_bool
    for name in ("der_read_signature", "mqtt_read_publish", "http_head_take", "http_url_read"):
        getattr(loaded, name).restype = ctypes.c_bool
    for name in ("boot_record_save", "device_page_find"):
        getattr(loaded, name).restype = ctypes.c_bool
    loaded.stream_request_write.restype = ctypes.c_size_t
    loaded.slip_escape.restype = ctypes.c_size_t
    loaded.mqtt_fixed_header.restype = ctypes.c_size_t
    loaded.crc32.restype = ctypes.c_uint32
    return loaded


class GuardedBytes:
    """Memory whose end is followed by a page that cannot be read: reading too far is a crash."""

    def __init__(self, room: int = 1 << 17) -> None:
        page = mmap.PAGESIZE
        self._size = -(-room // page) * page
        self._map = mmap.mmap(-1, self._size + page)
        self._anchor = (ctypes.c_char * (self._size + page)).from_buffer(self._map)
        self._start = ctypes.addressof(self._anchor)
        libc = ctypes.CDLL(None, use_errno=True)
        guard = ctypes.c_void_p(self._start + self._size)
        if libc.mprotect(guard, ctypes.c_size_t(page), 0) != 0:
            raise OSError(ctypes.get_errno(), "mprotect")

    def put(self, content: bytes) -> int:
        """The address of the bytes, which end where the guard begins."""
        address = self._start + self._size - len(content)
        ctypes.memmove(address, content, len(content))
        return address

    def slice_of(self, content: bytes) -> Slice:
        return Slice(self.put(content), len(content))
