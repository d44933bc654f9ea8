"""Benchmarks: one file a workload, all peers in one run. `python -m benchmarks` runs those of compiled functions.

`python -m benchmarks.eager` measures recording, not compiled.
"""
