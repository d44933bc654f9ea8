"""Interfaces of other libraries, made of this one's."""
