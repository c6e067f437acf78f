"""``python -m agent.faults``: the table of deliberate faults as one JSON object on stdout."""

from __future__ import annotations

import json

from agent.faults import FAULTS

if __name__ == "__main__":
    table = {
        name: {
            "description": fault.description,
            "breaks": fault.breaks,
            "scenarios": fault.scenarios,
            "declares": fault.declares,
        }
        for name, fault in FAULTS.items()
    }
    print(json.dumps(table, indent=1))
