"""The checkout is the root of every import, whichever folder a pytest run starts in (pyproject.toml)."""
