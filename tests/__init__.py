"""Ours, before any other package of that name that a tool may bring along."""
