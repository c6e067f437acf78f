"""The host end of a device's serial network: frames on one side, TCP and TLS on the other."""
