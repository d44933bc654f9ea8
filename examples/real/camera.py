"""A camera calibrated: poses by Rotation of SciPy, distortion, and a robust loss."""

import numpy as np
from scipy.spatial.transform import Rotation as R


class Camera:
    def __init__(self, f, c, k1=0.0, k2=0.0):
        self.f, self.c, self.k = f, np.asarray(c, dtype=float), (k1, k2)

    @property
    def matrix(self):
        K = np.eye(3)
        K[0, 0] = K[1, 1] = self.f
        K[:2, 2] = self.c
        return K

    def project(self, points, rvec, tvec):
        rot = R.from_rotvec(rvec)
        p = rot.apply(points) + tvec
        xy = p[:, :2] / p[:, 2:]
        r2 = np.sum(xy**2, axis=1)
        d = 1 + self.k[0] * r2 + self.k[1] * r2**2
        xy = xy * d[:, np.newaxis]
        uv = self.matrix @ np.vstack([xy.T, np.ones(len(xy))])
        return uv[:2].T


board = np.array([[x, y, 0.0] for y in range(2) for x in range(3)])
poses = [([0.1, -0.2, 0.05], [0.1, 0.2, 4.0]), ([-0.3, 0.1, 0.2], [-0.5, 0.1, 5.0])]
truth = Camera(500.0, (320, 240), -0.1, 0.01)
observed = [truth.project(board, np.array(r), np.array(t)) for r, t in poses]


def residuals(params):
    cam = Camera(params[0], params[1:3], *params[3:5])
    out = []
    for k, obs in enumerate(observed):
        r, t = np.split(params[5 + 6 * k : 11 + 6 * k], 2)
        out.append((cam.project(board, r, t) - obs).ravel())
    return np.concatenate(out)


def cost(params, scale=1.0):
    r = residuals(params)
    z = (r / scale) ** 2
    rho = np.where(z < 1, z, 2 * z**0.5 - 1)
    euler = R.from_rotvec(params[5:8]).as_euler("xyz", degrees=True)
    print("rms %.3f px, first pose %s" % (np.sqrt(np.mean(r**2)), np.round(euler, 2)))
    return 0.5 * scale**2 * rho.sum() + 1e-4 * np.abs(euler).sum()


ARGS = (np.hstack([[505.0, 322.0, 239.0, -0.08, 0.005]] + [np.add(np.hstack(p), 0.01) for p in poses]),)
LOSS = cost
