"""The checkout is the root of every import, wherever a pytest run starts (pyproject.toml)."""
