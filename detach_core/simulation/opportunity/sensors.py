"""Sensors of the Opportunity-like home: accelerometers on fixtures, reed switches, position tags.

Body axes of a front: u along its width, v along its height, n out of it. All rotate with the front, so a sensor's lever
arm is constant in them and only gravity turns (on the dishwasher's flap).

The 13 reed switches are wired after the release's drawing. Triplets S1, S2, S3 tell closed, half and fully open; Drawer
1's one switch is passed by all three magnets, so it does not say which. Doors have none. Which level means "magnet
near" is a property of the home that its files do not state.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy.ndimage import gaussian_filter1d, uniform_filter1d
from scipy.signal import lfilter

from detach_core.simulation.home import Fixture, Home, rotate_about
from detach_core.simulation.opportunity.settings import AccelerometerSettings, DrawerSettings, TagSettings
from detach_core.simulation.trace import Array, Contact, Trace, generator_for, hold

LOST_S = (0.1, 0.8)

DRIFT_S = (90.0, 400.0)


def with_faults(felt: Array, *, rate_hz: float, knobs: AccelerometerSettings, generator: np.random.Generator) -> Array:
    """Reported acceleration (T, 3) for the true `felt`, milli-g: whole numbers, NaN where samples were lost."""
    count = len(felt)
    time_s = np.arange(count) / rate_hz
    wave = 2 * np.pi * (time_s[:, None] / generator.uniform(*DRIFT_S, 3) + generator.random(3))
    read = felt + generator.normal(0, knobs.bias_mg, 3) + knobs.drift_mg * generator.uniform(0.3, 1, 3) * np.sin(wave)
    read = np.round(read + generator.normal(0, knobs.noise_mg, felt.shape))
    for start in np.flatnonzero(generator.random(count) < knobs.lost_bursts_per_h / 3600 / rate_hz):
        read[start : start + max(round(generator.uniform(*LOST_S) * rate_hz), 1)] = np.nan
    return np.asarray(read)


def deckchair_force(posture: Array, near: Array, rate_hz: float, generator: np.random.Generator) -> Array:
    """Specific force (T, 3), milli-g, on the deckchair: it tilts under a person and creaks while they move."""
    weight = posture * near
    angle = 0.25 + 0.12 * weight
    moving = np.abs(np.diff(weight, prepend=weight[0])) * rate_hz
    creak = generator.standard_normal((len(posture), 3)) * (15 * weight + 60 * np.minimum(moving, 1))[:, None]
    still = np.stack([np.sin(angle), np.zeros_like(angle), np.cos(angle)], axis=1)
    return np.asarray(1000 * still + creak)


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

# Fronts under one worktop.
ROW = ("Fridge", "Dishwasher", "Drawer 1", "Drawer 2", "Drawer 3")

DRAWERS = ROW[2:]


# Whose accelerometer's columns the one of the drawers' cabinet takes.
CABINET_COLUMNS = "Drawer 2"

SHAKE_HZ = (3.0, 9.0)


@dataclass(frozen=True)
class Mount:
    """Orientation of a front's sensor: `rotation` (3, 3) takes body axes to sensor axes."""

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
    """Path length (m) of the sensor's point over a whole opening."""
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


@dataclass(frozen=True)
class Vibrations:
    """Vibrations (T, 3), body axes, g: of each front, by fixture, and of the drawers' cabinet."""

    fronts: dict[str, Array]
    cabinet: Array


def vibrations(
    trace: Trace, home: Home, knobs: AccelerometerSettings, generator: np.random.Generator, *, lean_rad: float = 0.0
) -> Vibrations:
    """Vibrations of fronts and of the drawers' cabinet besides smooth motion: impacts, hands, knocks, neighbours."""
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
    # From a stream of its own, so that what follows draws the same numbers with and without it.
    apart = generator.spawn(1)[0]
    sent = {name: own[name] + _friction(trace, home, name, apart) for name in ROW}
    for name in ROW:
        heard[name] += knobs.row_cross_talk * sum(sent[other] for other in ROW if other != name)
    return Vibrations(heard, cabinet_vibration(sent, knobs, lean_rad=lean_rad))


def cabinet_vibration(sent: dict[str, Array], knobs: AccelerometerSettings, *, lean_rad: float) -> Array:
    """Share (T, 3) of the vibrations `sent` by the fronts of the row that reaches the drawers' cabinet, body axes.

    A push on the middle drawer moves the cabinet as it is; one above it also lifts its front, one below it lowers it,
    by a turn of `lean_rad` about the width.
    """
    felt = knobs.row_cross_talk * sum(signal for name, signal in sent.items() if name not in DRAWERS)
    for name, tilt in zip(DRAWERS, (1.0, 0.0, -1.0), strict=True):
        turned = rotate_about(sent[name], pivot=np.zeros(3), axis=np.array([1.0, 0.0, 0.0]), angle=-tilt * lean_rad)
        # From a front to the cabinet is half of the way to the next front.
        felt = felt + np.sqrt(knobs.cross_talk) * turned
    return np.asarray(felt)


def _friction(trace: Trace, home: Home, name: str, generator: np.random.Generator) -> Array:
    smooth, _ = body_motion(home.fixtures[name], trace.opening[name], trace.rate_hz)
    speed = np.abs(np.diff(trace.opening[name], prepend=trace.opening[name][0])) * trace.rate_hz
    rough = generator.standard_normal(smooth.shape) * (0.05 * np.minimum(speed, 2.0))[:, None]
    return np.asarray(0.6 * smooth + rough)


def true_acceleration(
    trace: Trace,
    home: Home,
    knobs: AccelerometerSettings,
    *,
    seed: int,
    generator: np.random.Generator,
    drawers: DrawerSettings | None = None,
) -> dict[str, Array]:
    """Specific force (T, 3) at each fixture's sensor without faults, sensor axes, milli-g, at the trace's rate.

    With one accelerometer for the drawers, the middle one's columns hold what their cabinet feels, the others' NaN.
    """
    drawers = drawers or DrawerSettings()
    shaken = vibrations(trace, home, knobs, generator, lean_rad=drawers.lean_rad)
    felt = {}
    for name, mount in mounts(home, seed=seed).items():
        motion, up = body_motion(home.fixtures[name], trace.opening[name], trace.rate_hz)
        force = motion + up + shaken.fronts[name]
        if drawers.accelerometers == "one" and name in DRAWERS:
            # Drawers slide level, so the way up of a front is the cabinet's.
            force = up + shaken.cabinet if name == CABINET_COLUMNS else np.full_like(force, np.nan)
        # The sensor's own filter before it samples.
        felt[name] = 1000 * uniform_filter1d(force @ mount.rotation.T, 3, axis=0, mode="nearest")
    return felt


# Column's word -> fixture.
TRIPLETS = {
    "DISHWASHER": "Dishwasher",
    "FRIDGE": "Fridge",
    "MIDDLEDRAWER": "Drawer 2",
    "LOWERDRAWER": "Drawer 3",
}

SINGLE = ("UPPERDRAWER", "Drawer 1")


# Opening fractions of the magnets for closed, half and full, and how near a magnet must be.
MAGNETS = (0.0, 0.5, 0.95)

REACH = 0.08


# How far a magnet may be glued off its mark.
GLUE = 0.03

Wiring = Literal["each", "closed", "shared", "none"]


def reed_switches(home: Home, *, seed: int, drawers: Wiring = "each") -> list[Contact]:
    """The home's switches, named as the columns are (`FRIDGE S1`); magnets and polarity are drawn once per home."""
    generator = generator_for(seed, home.name, "reed switches")
    contacts = []
    for word, fixture in TRIPLETS.items():
        # A triplet is wired at once: its switches share their polarity.
        active = int(generator.integers(2))
        for index, magnet in enumerate(MAGNETS):
            place = magnet + float(generator.uniform(-GLUE, GLUE)) * (index > 0)
            contacts.append(Contact(f"{word} S{index + 1}", fixture, (place,), REACH, active))
    word, fixture = SINGLE
    contacts.append(Contact(word, fixture, MAGNETS, REACH, int(generator.integers(2))))
    return contacts if drawers == "each" else [_rewired(contact, drawers) for contact in contacts]


def _rewired(contact: Contact, drawers: Wiring) -> Contact:
    """The input of `contact` in a home whose drawers lack some of their switches."""
    if contact.fixture not in DRAWERS:
        return contact
    if drawers == "closed" and MAGNETS[0] in contact.magnets:
        return replace(contact, magnets=MAGNETS[:1])
    if drawers == "shared" and contact.name == SINGLE[0]:
        return replace(contact, magnets=MAGNETS[:1], in_series=DRAWERS[1:])
    return replace(contact, magnets=())


# The error of a position changes over about this time (s).
ERROR_OVER_S = 1.5

JUMPS_PER_S = 0.02

SHOULDER_M = np.array([[0.06, 0.2], [-0.06, 0.2], [0.06, -0.2], [-0.06, -0.2]])


def tag_positions(trace: Trace, times_s: Array, knobs: TagSettings, generator: np.random.Generator) -> Array:
    """(K, 12): x, y, z of the four tags at `times_s` (K,), whole mm, NaN where the system lost one."""
    rate_hz = 1 / float(times_s[1] - times_s[0])
    place, heading = hold(trace.person_xy_m, trace.rate_hz, times_s), hold(trace.heading_rad, trace.rate_hz, times_s)
    height = trace.person.height_m * (0.82 - 0.3 * hold(trace.posture, trace.rate_hz, times_s))
    found = []
    for ahead, left in SHOULDER_M:
        x = place[:, 0] + ahead * np.cos(heading) - left * np.sin(heading)
        y = place[:, 1] + ahead * np.sin(heading) + left * np.cos(heading)
        error = gaussian_filter1d(generator.standard_normal((len(times_s), 3)), ERROR_OVER_S * rate_hz, axis=0)
        error *= knobs.noise_m / max(float(error.std()), 1e-9)
        for start in np.flatnonzero(generator.random(len(times_s)) < JUMPS_PER_S / rate_hz):
            length = round(generator.exponential(0.7) * rate_hz)
            error[start : start + length] += generator.normal(0, 1.0, 3)
        position = np.round(1000 * (np.stack([x, y, height], axis=1) + error))
        position[generator.random(len(times_s)) < knobs.lost] = np.nan
        found.append(position)
    return np.concatenate(found, axis=1)
