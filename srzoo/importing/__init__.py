"""Reads networks that others trained, as models of the zoo."""
