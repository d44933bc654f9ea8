"""Watching: what a running function says of itself: its arguments, its variables, and the calls that it makes."""
