"""The control plane: AWS's `iot` operations over HTTP, as far as updates by hand need them."""

from rig.jobs.control.plane import ControlPlane

__all__ = ["ControlPlane"]
