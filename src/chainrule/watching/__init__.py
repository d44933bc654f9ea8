"""Watching: the arguments, the local variables and the calls of a running function."""
