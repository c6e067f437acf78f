"""The table of parsers under fuzz; the long run, the tests and the corpus all go by it."""

from __future__ import annotations

from benchmarks.fuzz import files, messages, mqtt, wires
from benchmarks.fuzz.parser import Parser

PARSERS: dict[str, Parser] = {
    "mqtt-3.1.1": Parser(mqtt.decode_3_1_1, mqtt.seeds_3_1_1),
    "mqtt-5": Parser(mqtt.decode_5, mqtt.seeds_5),
    "mqtt-session": Parser(mqtt.session, mqtt.session_seeds),
    "mqtt-fleet": Parser(mqtt.fleet_reader, mqtt.fleet_seeds),
    "stream-messages": Parser(messages.stream_messages, messages.stream_seeds, 2048),
    "stream-requests": Parser(messages.stream_service, messages.stream_seeds, 2048),
    "cbor-and-json": Parser(messages.cbor_and_json, messages.object_seeds, 2048),
    "job-documents": Parser(messages.job_documents, messages.document_seeds, 4096),
    "scanned-json": Parser(messages.scanned_json, messages.object_seeds),
    "device-requests": Parser(messages.device_requests, messages.request_seeds, 2048),
    "http": Parser(wires.http, wires.http_seeds, 2048),
    "slip": Parser(wires.slip, wires.slip_seeds),
    "gdb-stub": Parser(wires.gdb_stub, wires.gdb_seeds),
    "trace": Parser(files.trace, files.trace_seeds, 4096),
    "judged-trace": Parser(files.judged_trace, files.event_seeds, 8192),
    "board-file": Parser(files.board_file, files.board_seeds, 4096),
    "image-header": Parser(files.image_header, files.image_seeds, 96),
}
