"""The judge: traces against the requirement catalogue, by rules keyed by requirement id."""

from rig.judge.judge import judge
from rig.judge.verdict import Outcome, Verdict

__all__ = ["Outcome", "Verdict", "judge"]
