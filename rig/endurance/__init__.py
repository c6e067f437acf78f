"""Many updates in a row: timed phase by phase, and held against growth."""
