"""A filter by modified nodal analysis: components in a netlist, complex admittances, a sweep of frequencies."""

import numpy as np

netlist = """
V1 1 0 1
R1 1 2 r1
L1 2 3 l1
C1 3 0 c1
R2 3 0 r2
"""


def parse(text, values):
    parts = []
    for line in text.strip().splitlines():
        name, a, b, value = line.split()
        parts.append((name[0], int(a), int(b), values[value] if value in values else float(value)))
    return parts


def solve(parts, w):
    n = max(max(a, b) for _, a, b, _ in parts)
    m = sum(kind == "V" for kind, *_ in parts)
    A = np.zeros((n + m, n + m), dtype=complex)
    z = np.zeros(n + m, dtype=complex)
    k = n
    for kind, a, b, value in parts:
        if kind == "V":
            for node, sign in ((a, 1), (b, -1)):
                if node > 0:
                    A[node - 1, k] = A[k, node - 1] = sign
            z[k] = value
            k += 1
            continue
        y = {"R": lambda: 1 / value, "L": lambda: 1 / (1j * w * value), "C": lambda: 1j * w * value * 1e-6}[kind]()
        if a > 0:
            A[a - 1, a - 1] += y
        if b > 0:
            A[b - 1, b - 1] += y
        if a > 0 and b > 0:
            A[a - 1, b - 1] -= y
            A[b - 1, a - 1] -= y
    return np.linalg.solve(A, z)[:n]


def ripple(values):
    parts = parse(netlist, values)
    gain = np.array([abs(solve(parts, w)[2]) for w in np.logspace(2, 4, 6)])
    db = 20 * np.log10(gain)
    return np.sum((db - np.array([-3, -3, -3, -10, -20, -30])) ** 2)


LOSS, ARGS = ripple, ({"r1": 50.0, "l1": 0.02, "c1": 2.0, "r2": 75.0},)
