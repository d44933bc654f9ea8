"""Calls of scipy.spatial.transform."""

import numpy as np
from scipy.spatial.transform import Rotation, Slerp

from . import Call

RNG = np.random.default_rng(0)
Q, V, E = RNG.normal(size=(3, 4)), RNG.normal(size=(3, 3)), RNG.uniform(-1, 1, size=(3, 3))
M = Rotation.from_rotvec(V).as_matrix()
HELD = Rotation.from_rotvec(V)
TIMES = np.array([0.0, 1.0, 2.5])
SLERP = Slerp(TIMES, HELD)

CALLS: dict[str, Call] = {
    "Rotation": Call(lambda q: Rotation(q).as_matrix(), (Q,)),
    "Rotation.from_quat": Call(lambda q, v: Rotation.from_quat(q).apply(v), (Q, V)),
    "Rotation.from_quat, one": Call(lambda q, v: Rotation.from_quat(q, scalar_first=True).apply(v), (Q[0], V)),
    "Rotation.from_rotvec": Call(lambda v: Rotation.from_rotvec(v).as_quat(), (V,)),
    "Rotation.from_rotvec, none": Call(lambda v: Rotation.from_rotvec(v).as_matrix(), (np.zeros(3),)),
    "Rotation.from_mrp": Call(lambda v: Rotation.from_mrp(v).as_matrix(), (V,)),
    "Rotation.from_matrix": Call(lambda m: Rotation.from_matrix(m).as_quat(), (M,), rtol=1e-6),
    "Rotation.from_matrix, near": Call(
        lambda m: Rotation.from_matrix(m).as_rotvec(), (M + 0.1 * V[:, None],), rtol=1e-6
    ),
    "Rotation.from_euler": Call(lambda e: Rotation.from_euler("xyz", e).as_matrix(), (E,)),
    "Rotation.from_euler, degrees": Call(
        lambda e: Rotation.from_euler("ZXZ", e, degrees=True).as_matrix(), (40 * E[0],)
    ),
    "Rotation.from_euler, one angle": Call(lambda a: Rotation.from_euler("y", a).apply([1.0, 2.0, 3.0]), (0.4,)),
    "Rotation.from_euler, angles of one": Call(lambda a: Rotation.from_euler("Z", a).as_matrix(), (E[:, :1].copy(),)),
    "Rotation.from_davenport": Call(lambda e: Rotation.from_davenport(np.eye(3), "e", e).as_matrix(), (E,)),
    "Rotation.as_quat": Call(lambda q: Rotation.from_quat(q).as_quat(canonical=True, scalar_first=True), (Q,)),
    "Rotation.as_rotvec": Call(lambda q: Rotation.from_quat(q).as_rotvec(degrees=True), (Q,)),
    "Rotation.as_rotvec, none": Call(lambda v: Rotation.from_rotvec(v).as_rotvec(), (np.full(3, 1e-5),), rtol=1e-6),
    "Rotation.as_mrp": Call(lambda q: Rotation.from_quat(q).as_mrp(), (Q,)),
    **{
        f"Rotation.as_euler, {seq}": Call(lambda q, seq=seq: Rotation.from_quat(q).as_euler(seq), (Q,))
        for seq in ("xyz", "ZYX", "zxz", "YXY", "yzx", "XZY")
    },
    "Rotation.apply": Call(lambda v: (HELD.apply(v), HELD.apply(v, inverse=True), HELD[1].apply(v)), (V,)),
    "Rotation.__mul__": Call(lambda q, v: (Rotation.from_quat(q) * HELD * Rotation.from_rotvec(v)).as_matrix(), (Q, V)),
    "Rotation.inv": Call(lambda q: (HELD * Rotation.from_quat(q).inv()).magnitude(), (Q,)),
    "Rotation.__pow__": Call(lambda q: (Rotation.from_quat(q) ** 0.5).as_matrix(), (Q,)),
    "Rotation.mean": Call(lambda q: Rotation.from_quat(q).mean().as_matrix(), (Q,)),
    "Rotation.__getitem__": Call(lambda q: [r.as_matrix() for r in Rotation.from_quat(q)], (Q,)),
    "Rotation.concatenate": Call(lambda q: Rotation.concatenate([Rotation.from_quat(q), HELD]).as_matrix(), (Q,)),
    "Rotation.align_vectors": Call(
        lambda a, b: (Rotation.align_vectors(a, b)[0].as_matrix(), Rotation.align_vectors(a, b)[1]),
        (V, E + V),
        rtol=1e-6,
    ),
    "Slerp": Call(lambda v, t: Slerp(TIMES, Rotation.from_rotvec(v))(t).as_matrix(), (V, np.array([0.3, 1.7]))),
    "Slerp, made before": Call(lambda t: SLERP(t).as_rotvec(), (np.array([0.3, 2.1]),)),
}
