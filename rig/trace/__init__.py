"""The trace: one time-ordered record of a run, the only thing the judge reads."""

from rig.trace.event import CHANNELS, DIRECTIONS, SCHEMA, Event, Header
from rig.trace.file import MAX_LINE_BYTES, Trace, TraceError, parse_trace, read_trace
from rig.trace.recorder import Predicate, Recorder, RecorderSwitch, TraceTimeout

__all__ = [
    "CHANNELS",
    "DIRECTIONS",
    "MAX_LINE_BYTES",
    "SCHEMA",
    "Event",
    "Header",
    "Predicate",
    "Recorder",
    "RecorderSwitch",
    "Trace",
    "TraceError",
    "TraceTimeout",
    "parse_trace",
    "read_trace",
]
