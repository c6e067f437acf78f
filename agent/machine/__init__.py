"""The OTA agent as a sans-IO state machine (OTA spec §2 to §8).

``machine.Machine`` takes one event at a time through the transition table of
``agent.protocol.transitions``; the handlers live in one file per family.
"""
