"""Many simulated devices in one process: the agent's own machine and MQTT shell, flash in memory.

For load on a service, not for conformance: no image is executed and nothing outlives the process.
"""
