"""Sweeps: one property, tried on everything; the tests run a sample of each, a command runs it whole."""
