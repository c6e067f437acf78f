"""Devices under test: board files, and one small driver per kind of device."""
