"""A truss: members as dictionaries, global stiffness with np.ix_, stresses, KS-aggregated constraints."""

import numpy as np

NODES = {1: (0.0, 0.0), 2: (1.0, 0.0), 3: (2.0, 0.0), 4: (0.5, 0.8), 5: (1.5, 0.8)}
MEMBERS = [(1, 2), (2, 3), (1, 4), (4, 2), (2, 5), (5, 3), (4, 5)]
SUPPORTS = {1: (True, True), 3: (False, True)}
LOADS = {2: (0.0, -10.0), 4: (3.0, 0.0)}


def dofs(n):
    return [2 * (n - 1), 2 * (n - 1) + 1]


def analyse(areas, heights, E=2000.0):
    nodes = dict(NODES)
    for key, h in zip((4, 5), heights):
        nodes[key] = (nodes[key][0], h)
    N = 2 * len(nodes)
    K = np.zeros((N, N))
    info = []
    for (a, b), A in zip(MEMBERS, areas):
        p, q = np.array(nodes[a]), np.array(nodes[b])
        L = np.linalg.norm(q - p)
        c, s = (q - p) / L
        T = np.array([[c, s, 0, 0], [0, 0, c, s]])
        k = E * A / L * T.T.dot(np.array([[1, -1], [-1, 1]])).dot(T)
        ix = dofs(a) + dofs(b)
        K[np.ix_(ix, ix)] += k
        info.append(dict(T=T, L=L, ix=ix, A=A))
    F = np.zeros((N, 1))
    for n, f in LOADS.items():
        F[dofs(n), 0] = f
    fixed = [d for n, flags in SUPPORTS.items() for d, flag in zip(dofs(n), flags) if flag]
    free = [d for d in range(N) if d not in fixed]
    U = np.zeros((N, 1))
    U[free] = np.linalg.solve(K[np.ix_(free, free)], F[free])
    R = K @ U - F
    for m in info:
        du = m["T"] @ U[m["ix"]]
        m["stress"] = E * (du[1, 0] - du[0, 0]) / m["L"]
        m["weight"] = m["A"] * m["L"]
    return U.ravel(), R[fixed, 0], info


def ks(g, rho=20):
    g = np.array(g)
    m = g.max()
    return m + np.log(np.exp(rho * (g - m)).sum()) / rho


def loss(x):
    U, R, info = analyse(x[:7], x[7:])
    weight = sum(m["weight"] for m in info)
    worst = ks([abs(m["stress"]) / 60 - 1 for m in info])
    euler = ks([-m["stress"] * m["A"] / (np.pi**2 * 2000 * m["A"] ** 2 / m["L"] ** 2) - 1 for m in info])
    return weight + 0.5 * np.maximum(0, worst + 1) ** 2 + 0.01 * euler + 0.1 * np.linalg.norm(U) + 0.001 * np.ptp(R)


LOSS, ARGS = loss, (np.array([0.2, 0.25, 0.3, 0.2, 0.2, 0.3, 0.15, 0.8, 0.7]),)
