"""Reports of a run: one pure verdict, and the forms it is written in."""
