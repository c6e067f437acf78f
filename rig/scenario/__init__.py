"""The words that scenarios are written in: the cloud that offers, the device that answers."""

from rig.scenario.cloud import Cloud, Job, Update
from rig.scenario.device import Device
from rig.scenario.images import Image, Signing
from rig.scenario.scenario import Scenario

__all__ = ["Cloud", "Device", "Image", "Job", "Scenario", "Signing", "Update"]
