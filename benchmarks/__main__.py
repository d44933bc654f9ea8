"""All benchmarks of compiled functions: `python -m benchmarks`, or some of them: `python -m benchmarks small hessian`.

    pip install ".[benchmarks]"

NumPy arrays go in and come out of every run; all peers run in turn, in an order shuffled anew in each round; all
results must agree before anything is timed. Medians, quartiles, and how many times chainrule's time each takes.
"""

from __future__ import annotations

import argparse

from benchmarks import (
    busy,
    classifier,
    elementwise,
    hessian,
    loops,
    memory,
    networks,
    perceptron,
    programs,
    scores,
    small,
    startup,
)
from benchmarks.peers import ask_for_torch_compile, versions

WORKLOADS = {
    "small": small,
    "classifier": classifier,
    "scores": scores,
    "perceptron": perceptron,
    "elementwise": elementwise,
    "hessian": hessian,
    "networks": networks,
    "startup": startup,
    "programs": programs,
    "loops": loops,
    "memory": memory,
    "busy": busy,
}


def main() -> None:
    parser = argparse.ArgumentParser(description="Compiled value and gradient, beside other libraries.")
    parser.add_argument("workloads", nargs="*", choices=[[], *WORKLOADS], help="which (default: all)")
    parser.add_argument("--rounds", type=int, default=30, help="measurements of each run (default: %(default)s)")
    parser.add_argument("--torch-compile", action="store_true", help="measure torch.compile too (needs a C++ compiler)")
    options = parser.parse_args()
    if options.torch_compile:
        ask_for_torch_compile()
    print(versions(), end="\n\n")
    for name in options.workloads or WORKLOADS:
        WORKLOADS[name].main(options.rounds)


if __name__ == "__main__":
    main()
