"""The fleet in a browser: a page that `serve` serves to who has the token of its run."""
