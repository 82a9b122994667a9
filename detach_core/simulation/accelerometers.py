"""Accelerometers on what opens: gravity and motion in the sensor's own axes, ring, cross-talk, a hand's tremor.

Body axes of a front: u along its width, v along its height, n out of it. All rotate with the front, so a sensor's lever
arm is constant in them and only gravity turns (on the dishwasher's flap).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d, uniform_filter1d
from scipy.signal import lfilter

from detach_core.config.simulation import AccelerometerSection
from detach_core.simulation.home import Fixture, Home, rotate_about
from detach_core.simulation.randomness import generator_for
from detach_core.simulation.trace import Array, Trace

GRAVITY = 9.81
# Where a sensor is glued on its front.
MOUNT_UV = (0.6, 0.7)
# A change of speed within one sample above this (m/s) is an impact: it rings instead of being differentiated.
IMPACT_M_S = 0.15
RING_HZ = (7.0, 13.0)
RING_DECAY_S = (0.1, 0.3)
# How strongly neighbours are coupled, relative to the `cross_talk` knob.
CABINETS = (
    {("Drawer 1", "Drawer 2"): 1.0, ("Drawer 2", "Drawer 3"): 1.0, ("Drawer 1", "Drawer 3"): 0.7},
    {("Fridge", "Dishwasher"): 0.8, ("Dishwasher", "Drawer 3"): 0.3, ("Dishwasher", "Drawer 2"): 0.2},
)
SHAKE_HZ = (3.0, 9.0)


@dataclass(frozen=True)
class Mount:
    """How the sensor of a front is turned: `rotation` (3, 3) takes body axes to sensor axes."""

    rotation: Array


def mounts(home: Home, *, seed: int) -> dict[str, Mount]:
    """Fixture -> its sensor's mount, drawn once per home: along the edges, any way round, a little askew."""
    generator = generator_for(seed, home.name, "accelerometers")
    found = {}
    for name in home.fixtures:
        turned = np.eye(3)[generator.permutation(3)] * generator.choice([-1.0, 1.0], size=3)[:, None]
        turned *= np.sign(np.linalg.det(turned))
        tilt = generator.normal(0, 0.1, 3)
        angle = float(np.linalg.norm(tilt))
        found[name] = Mount(turned @ rotate_about(np.eye(3), pivot=np.zeros(3), axis=tilt / angle, angle=angle))
    return found


def body_motion(fixture: Fixture, opening: Array, rate_hz: float) -> tuple[Array, Array]:
    """Acceleration (T, 3) of the sensor's point and the way up (T, 3), both in body axes; g and unit vector.

    Impacts are left out (see `impacts`).
    """
    speed = np.diff(opening, prepend=opening[0]) * rate_hz
    change = np.diff(speed, prepend=speed[0])
    change = np.where(np.abs(change) * lever_m(fixture) > IMPACT_M_S, 0.0, change) * rate_hz
    width, height = np.asarray(fixture.width), np.asarray(fixture.height)
    frame = np.stack([width / np.linalg.norm(width), height / np.linalg.norm(height), fixture.normal])
    up = np.tile(frame[:, 2], (len(opening), 1))
    if fixture.motion == "slide":
        return np.array([0.0, 0.0, 1.0]) * (change * fixture.travel / GRAVITY)[:, None], up
    axis, arm = _hinge(fixture)
    tangential = np.cross(axis, arm) * (change * fixture.travel)[:, None]
    centripetal = -arm * ((speed * fixture.travel) ** 2)[:, None]
    angle = -opening * fixture.travel
    cos, sin = np.cos(angle)[:, None], np.sin(angle)[:, None]
    up = up * cos + np.cross(axis, up) * sin + axis * ((up @ axis)[:, None] * (1 - cos))
    return (tangential + centripetal) / GRAVITY, up


def _hinge(fixture: Fixture) -> tuple[Array, Array]:
    """The hinge's axis and the arm from it to the sensor, in body axes."""
    width, height = float(np.linalg.norm(fixture.width)), float(np.linalg.norm(fixture.height))
    if fixture.hinge_edge == "v0":
        return np.array([1.0, 0.0, 0.0]), np.array([0.0, MOUNT_UV[1] * height, 0.0])
    if fixture.hinge_edge == "u0":
        return np.array([0.0, -1.0, 0.0]), np.array([MOUNT_UV[0] * width, 0.0, 0.0])
    return np.array([0.0, 1.0, 0.0]), np.array([-(1 - MOUNT_UV[0]) * width, 0.0, 0.0])


def lever_m(fixture: Fixture) -> float:
    """Metres that the sensor's point moves for a whole opening."""
    if fixture.motion == "slide":
        return fixture.travel
    return fixture.travel * float(np.linalg.norm(_hinge(fixture)[1]))


def impacts(fixture: Fixture, opening: Array, rate_hz: float) -> Array:
    """Signed changes of speed (T,), m/s, where the front was stopped within a sample; 0 elsewhere."""
    speed = np.diff(opening, prepend=opening[0]) * rate_hz * lever_m(fixture)
    change = np.diff(speed, prepend=speed[0])
    return np.where(np.abs(change) > IMPACT_M_S, change, 0.0)


def ringing(strikes: Array, rate_hz: float, generator: np.random.Generator) -> Array:
    """A damped oscillation (T,) after each of the `strikes` (T,), of their size."""
    pitch, decay_s = generator.uniform(*RING_HZ), generator.uniform(*RING_DECAY_S)
    radius = np.exp(-1 / (decay_s * rate_hz))
    # Two poles: e^(-t/decay) sin(2 pi f t), one recursion for all strikes.
    angle = 2 * np.pi * pitch / rate_hz
    return np.asarray(lfilter([0.0, radius * np.sin(angle)], [1.0, -2 * radius * np.cos(angle), radius**2], strikes))


def vibrations(
    trace: Trace, home: Home, knobs: AccelerometerSection, generator: np.random.Generator
) -> dict[str, Array]:
    """What shakes each front besides its smooth motion: impacts, hands, knocks, neighbours; (T, 3), body axes, g."""
    rate_hz, count = trace.rate_hz, len(trace.time_s)
    own = {}
    for name, fixture in home.fixtures.items():
        strikes = impacts(fixture, trace.opening[name], rate_hz) * knobs.ring
        knocks = generator.random(count) < knobs.bumps_hz / len(home.fixtures) / rate_hz
        strikes += knocks * generator.normal(0, knobs.bump_mg / 1000, count)
        direction = np.array([0.35, 0.25, 1.0]) * generator.uniform(0.6, 1.4, 3)
        own[name] = ringing(strikes, rate_hz, generator)[:, None] * direction
    low, high = (rate_hz / (2 * np.pi * edge) for edge in SHAKE_HZ)
    for action in trace.actions:
        rows = slice(round(action.start_s * rate_hz), round(action.end_s * rate_hz))
        tremor = generator.standard_normal((rows.stop - rows.start, 3))
        tremor = gaussian_filter1d(tremor, high, axis=0) - gaussian_filter1d(tremor, low, axis=0)
        tremor *= knobs.shake_mg / 1000 / max(float(tremor.std()), 1e-9)
        own[action.fixture][rows] += tremor
    heard = {name: signal.copy() for name, signal in own.items()}
    for pairs in CABINETS:
        for (one, other), coupling in pairs.items():
            if one in own and other in own:
                # Also the smooth motion shakes the cabinet a little: friction in slides and hinges.
                share = knobs.cross_talk * coupling
                heard[other] += share * (own[one] + _friction(trace, home, one, generator))
                heard[one] += share * (own[other] + _friction(trace, home, other, generator))
    return heard


def _friction(trace: Trace, home: Home, name: str, generator: np.random.Generator) -> Array:
    smooth, _ = body_motion(home.fixtures[name], trace.opening[name], trace.rate_hz)
    speed = np.abs(np.diff(trace.opening[name], prepend=trace.opening[name][0])) * trace.rate_hz
    rough = generator.standard_normal(smooth.shape) * (0.05 * np.minimum(speed, 2.0))[:, None]
    return np.asarray(0.6 * smooth + rough)


def true_acceleration(
    trace: Trace, home: Home, knobs: AccelerometerSection, *, seed: int, generator: np.random.Generator
) -> dict[str, Array]:
    """What an ideal sensor on each fixture feels (T, 3), sensor axes, milli-g, at the trace's rate."""
    shaken = vibrations(trace, home, knobs, generator)
    felt = {}
    for name, mount in mounts(home, seed=seed).items():
        motion, up = body_motion(home.fixtures[name], trace.opening[name], trace.rate_hz)
        force = (motion + up + shaken[name]) @ mount.rotation.T
        # The sensor's own filter before it samples.
        felt[name] = 1000 * uniform_filter1d(force, 3, axis=0, mode="nearest")
    return felt
