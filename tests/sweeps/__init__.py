"""Sweeps: one property, tried on everything; the tests run a sample of each, a command runs it whole."""

import importlib

importlib.import_module("chainrule.compile.compiled").STRICT = True  # what would run uncompiled is an error
