"""Distance on the ellipsoid by Vincenty's iteration, with Python's numbers only."""

import math


def vincenty(lat1, lon1, lat2, lon2, a=6378137.0, f=1 / 298.257223563):
    b = (1 - f) * a
    U1 = math.atan((1 - f) * math.tan(math.radians(lat1)))
    U2 = math.atan((1 - f) * math.tan(math.radians(lat2)))
    L = math.radians(lon2 - lon1)
    lam = L
    for _ in range(200):
        sin_sigma = math.hypot(
            math.cos(U2) * math.sin(lam), math.cos(U1) * math.sin(U2) - math.sin(U1) * math.cos(U2) * math.cos(lam)
        )
        if sin_sigma == 0:
            return 0.0
        cos_sigma = math.sin(U1) * math.sin(U2) + math.cos(U1) * math.cos(U2) * math.cos(lam)
        sigma = math.atan2(sin_sigma, cos_sigma)
        sin_alpha = math.cos(U1) * math.cos(U2) * math.sin(lam) / sin_sigma
        cos2_alpha = 1 - sin_alpha**2
        cos_2m = cos_sigma - 2 * math.sin(U1) * math.sin(U2) / cos2_alpha
        C = f / 16 * cos2_alpha * (4 + f * (4 - 3 * cos2_alpha))
        previous = lam
        lam = L + (1 - C) * f * sin_alpha * (sigma + C * sin_sigma * (cos_2m + C * cos_sigma * (-1 + 2 * cos_2m**2)))
        if abs(lam - previous) < 1e-12:
            break
    u2 = cos2_alpha * (a**2 - b**2) / b**2
    A = 1 + u2 / 16384 * (4096 + u2 * (-768 + u2 * (320 - 175 * u2)))
    B = u2 / 1024 * (256 + u2 * (-128 + u2 * (74 - 47 * u2)))
    ds = (
        B
        * sin_sigma
        * (
            cos_2m
            + B
            / 4
            * (cos_sigma * (-1 + 2 * cos_2m**2) - B / 6 * cos_2m * (-3 + 4 * sin_sigma**2) * (-3 + 4 * cos_2m**2))
        )
    )
    return b * A * (sigma - ds)


def tour(latitude, longitude):
    """Length in 1000 km of a tour from a place over Berlin and Rome and back, by the place."""
    here = latitude, longitude
    stops = [(52.52, 13.405), (41.9, 12.5)]
    total = 0.0
    for p, q in zip([here, *stops], [*stops, here]):
        total += vincenty(*p, *q)
    return total / 1e6


LOSS, ARGS = tour, (48.1, 11.6)
