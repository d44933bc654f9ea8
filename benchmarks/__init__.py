"""Benchmarks: one file a workload, all peers in one run. `python -m benchmarks.eager`.

One thread for every library, unless OMP_NUM_THREADS says otherwise: idle threads of one library spin for a while after
its run and slow down the next one, and two threads on small products can be slower than one. Must be set before NumPy.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
