"""A small ray tracer: spheres, a lamp, reflections by recursion."""

import math

import numpy as np


def normalize(v):
    norm = np.linalg.norm(v)
    if norm == 0:
        return v
    return v / norm


class Sphere:
    def __init__(self, center, radius, color, mirror):
        self.center, self.radius = np.array(center), radius
        self.color = np.array(color)
        self.mirror = mirror

    def intersect(self, origin, direction):
        b = 2 * np.dot(direction, origin - self.center)
        c = np.linalg.norm(origin - self.center) ** 2 - self.radius**2
        delta = b * b - 4 * c
        if delta > 0:
            t1 = (-b + math.sqrt(delta)) / 2
            t2 = (-b - math.sqrt(delta)) / 2
            if t1 > 0 and t2 > 0:
                return min(t1, t2)
        return None


def nearest(spheres, origin, direction):
    distances = [s.intersect(origin, direction) for s in spheres]
    found, least = None, np.inf
    for s, d in zip(spheres, distances):
        if d and d < least:
            found, least = s, d
    return found, least


def trace(spheres, light, origin, direction, depth=0):
    color = np.zeros(3)
    sphere, distance = nearest(spheres, origin, direction)
    if sphere is None or depth > 2:
        return color + 0.1
    point = origin + distance * direction
    normal = normalize(point - sphere.center)
    to_light = normalize(light - point)
    color += 0.1 * sphere.color
    color += sphere.color * max(np.dot(normal, to_light), 0.0)
    half = normalize(to_light + normalize(origin - point))
    color += np.dot(normal, half) ** 20
    reflected = direction - 2 * np.dot(direction, normal) * normal
    return color + sphere.mirror * trace(spheres, light, point + 1e-5 * normal, reflected, depth + 1)


def brightness(light, width=4, height=3):
    """Brightness of the image, by the place of the lamp."""
    scene = [
        Sphere([-0.2, 0.0, -1.0], 0.7, [0.7, 0.1, 0.1], 0.5),
        Sphere([0.6, -0.3, -0.2], 0.25, [0.1, 0.6, 0.1], 0.3),
    ]
    camera = np.array([0.0, 0.0, 1.0])
    image = np.zeros((height, width, 3))
    for i, y in enumerate(np.linspace(0.6, -0.6, height)):
        for j, x in enumerate(np.linspace(-0.8, 0.8, width)):
            direction = normalize(np.array([x, y, 0.0]) - camera)
            image[i, j] = np.clip(trace(scene, light, camera, direction), 0, 1)
    return image.mean()


LOSS, ARGS = brightness, (np.array([4.0, 5.0, 3.0]),)
