"""The power-cut sweep: every flash operation of an update, cut before, in and after it."""
