"""Two devices in the same scenarios: where does the one do what the other does not?"""
