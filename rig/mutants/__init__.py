"""Trying the suite on broken agents: it must catch each of them by a rule it was made for."""
