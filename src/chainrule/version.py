"""The version, in a file that imports nothing: it names the cache of compiled programs."""

__version__ = "0.1.0"
