"""Where a person's joints are: from the trace's walking, reaching, bending and sitting to points in the room."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from detach_core.simulation.trace import Array, Trace

# The arm rises before and sinks after the trace's hand positions for this long (s).
REACH_S = 0.35
SEAT_M = 0.5
# Lengths as shares of the body height (after common anthropometric tables, rounded).
HIP, SPINE, NECK, HEAD = 0.525, 0.29, 0.045, 0.115
SHOULDER_HALF, HIP_HALF = 0.108, 0.05
UPPER_ARM, FOREARM = 0.19, 0.20
THIGH, SHIN, ANKLE = 0.25, 0.25, 0.03
SIDES = {"left": 1.0, "right": -1.0}
UP = np.array([0.0, 0.0, 1.0])


@dataclass(frozen=True)
class Motion:
    """The trace's person at the video's frames, (F,) or (F, k) each; `reach` 0..1: how much the hand follows `hand`."""

    position: Array
    heading: Array
    walking: Array
    phase: Array
    hand: Array
    reach: Array
    gesture: Array
    drinking: Array
    posture: Array
    bend: Array


def sample_motion(trace: Trace, time_s: Array) -> Motion:
    """The person's movement at `time_s` (F,)."""
    clock = trace.time_s

    def at(signal: Array) -> Array:
        return np.interp(time_s, clock, signal)

    phase = 2 * np.pi * np.cumsum(trace.walking * trace.person.gait_hz) / trace.rate_hz
    gesture = np.nan_to_num(trace.gesture)
    starts = np.flatnonzero(np.diff(gesture > 0.05, prepend=False) & (gesture > 0.05))
    # Every other gesture standing up is wiping; sitting, people drink.
    drinking = (np.searchsorted(starts, np.arange(len(clock)), side="right") % 2 == 0) | (trace.posture > 0.3)
    hand, reach = _reach(trace)
    return Motion(
        position=np.stack([at(trace.person_xy_m[:, 0]), at(trace.person_xy_m[:, 1]), np.zeros(len(time_s))], axis=1),
        heading=at(np.unwrap(trace.heading_rad)),
        walking=at(trace.walking),
        phase=at(phase),
        hand=np.stack([at(hand[:, axis]) for axis in range(3)], axis=1),
        reach=at(reach),
        gesture=np.clip(at(gesture), 0, 1),
        drinking=np.clip(at(drinking.astype(np.float64)), 0, 1),
        posture=at(trace.posture),
        bend=at(trace.bend),
    )


def _reach(trace: Trace) -> tuple[Array, Array]:
    valid = np.flatnonzero(np.isfinite(trace.hand_m).all(axis=1))
    steps = np.arange(len(trace.time_s))
    if not len(valid):
        return np.zeros((len(steps), 3)), np.zeros(len(steps))
    after = np.clip(np.searchsorted(valid, steps), 0, len(valid) - 1)
    before = np.clip(after - 1, 0, len(valid) - 1)
    nearest = np.where(np.abs(valid[after] - steps) <= np.abs(valid[before] - steps), valid[after], valid[before])
    gap_s = np.abs(nearest - steps) / trace.rate_hz
    rise = np.clip(1 - gap_s / REACH_S, 0, 1)
    return trace.hand_m[nearest], rise * rise * (3 - 2 * rise)


def two_bone(start: Array, target: Array, first: float, second: float, pole: Array) -> tuple[Array, Array]:
    """Joint and end (F, 3) of a limb of two bones (m) from `start` towards `target`; it bends towards `pole`."""
    way = target - start
    length = np.maximum(np.linalg.norm(way, axis=1, keepdims=True), 1e-6)
    along = way / length
    length = np.clip(length, abs(first - second) + 1e-3, first + second - 1e-3)
    to_joint = (first**2 - second**2 + length**2) / (2 * length)
    out = np.sqrt(np.maximum(first**2 - to_joint**2, 0.0))
    sideways = pole - (pole * along).sum(axis=1, keepdims=True) * along
    sideways /= np.maximum(np.linalg.norm(sideways, axis=1, keepdims=True), 1e-9)
    return start + along * to_joint + sideways * out, start + along * length


def joints(motion: Motion, height: float, *, right_handed: bool) -> dict[str, Array]:
    """The joints (F, 3) of a person of `height` (m), by name."""
    forward = np.stack([np.cos(motion.heading), np.sin(motion.heading), np.zeros_like(motion.heading)], axis=1)
    left = np.stack([-forward[:, 1], forward[:, 0], np.zeros_like(motion.heading)], axis=1)
    bend, sit = motion.bend[:, None], motion.posture[:, None]
    walk, phase = motion.walking[:, None], motion.phase[:, None]
    bob = 0.012 * walk * np.cos(2 * phase)
    hip_height = (1 - sit) * (HIP - 0.15 * bend + bob) * height + sit * SEAT_M
    pelvis = motion.position + forward * (-0.09 * height * bend * (1 - sit)) + UP * hip_height
    lean = 0.95 * bend + 0.06 * walk + 0.08 * sit
    spine = forward * np.sin(lean) + UP * np.cos(lean)
    neck_way = forward * np.sin(0.6 * lean) + UP * np.cos(0.6 * lean)
    active = "right" if right_handed else "left"
    wanted, weight = _active_target(motion, pelvis, forward, left, height, SIDES[active])
    chest = pelvis + spine * SPINE * height
    # What the arm cannot span, the trunk gives.
    shoulder = chest + left * SIDES[active] * SHOULDER_HALF * height
    way = wanted - shoulder
    span = np.maximum(np.linalg.norm(way, axis=1, keepdims=True), 1e-6)
    give = way / span * np.clip(span - 0.97 * (UPPER_ARM + FOREARM) * height, 0, 0.4) * weight
    chest = chest + give
    pelvis = pelvis + give * np.array([0.35, 0.35, 0.0])
    points = {"pelvis": pelvis, "chest": chest, "neck": chest + neck_way * NECK * height}
    points["head"] = chest + neck_way * HEAD * height
    points["face"] = points["head"] + forward * 0.018 * height - UP * 0.006 * height
    points["hair"] = points["head"] - forward * 0.016 * height + UP * 0.014 * height
    for side, sign in SIDES.items():
        points.update(_leg(motion, pelvis, forward, left, height, side))
        swing = -sign * np.sin(phase) * walk
        hanging = forward * (0.035 + 0.11 * swing) - UP * 0.36 + left * sign * 0.02
        shoulder = chest + left * sign * SHOULDER_HALF * height
        rest = (1 - sit) * (shoulder + hanging * height)
        rest = rest + sit * (pelvis + (forward * 0.2 + UP * 0.07 + left * sign * 0.05) * height)
        target = rest if side != active else rest + weight * (wanted - rest)
        pole = -forward + left * sign * 0.5 - UP * 0.4
        elbow, hand = two_bone(shoulder, target, UPPER_ARM * height, FOREARM * height, pole)
        points |= {f"{side} shoulder": shoulder, f"{side} elbow": elbow, f"{side} hand": hand}
    return points


def _active_target(
    motion: Motion, pelvis: Array, forward: Array, left: Array, height: float, sign: float
) -> tuple[Array, Array]:
    """Where the active hand wants to be (F, 3) and how firmly (F, 1): the trace's hand first, else a gesture."""
    rhythm = motion.phase + 2 * np.pi * 0.9 * np.cumsum(motion.gesture) / 10
    sweep = np.sin(rhythm)[:, None]
    mouth = pelvis + forward * 0.11 * height + UP * (SPINE + 0.09) * height
    sip = np.clip(sweep + 0.4, 0, 1)
    drink = sip * mouth + (1 - sip) * (pelvis + (forward * 0.2 + UP * 0.16) * height)
    wipe = pelvis + forward * 0.27 * height - UP * 0.03 * height + left * (0.16 * sweep + 0.06 * sign) * height
    drinking = motion.drinking[:, None]
    gesture = drinking * drink + (1 - drinking) * wipe
    reach = motion.reach[:, None]
    weight = np.maximum(reach, np.clip(2 * motion.gesture[:, None], 0, 1))
    return reach * motion.hand + (1 - reach) * gesture, weight


def _leg(motion: Motion, pelvis: Array, forward: Array, left: Array, height: float, side: str) -> dict[str, Array]:
    sign, sit = SIDES[side], motion.posture[:, None]
    stride = (sign * np.sin(motion.phase) * motion.walking * 0.155)[:, None]
    lift = (np.maximum(sign * np.cos(motion.phase), 0) * motion.walking * 0.05)[:, None]
    across = left * sign * HIP_HALF * height
    foot = motion.position + across + forward * ((1 - sit) * stride + sit * 0.25) * height
    ankle = foot + UP * (ANKLE + lift) * height
    hip = pelvis + across
    knee, _ = two_bone(hip, ankle, THIGH * height, SHIN * height, forward + left * sign * 0.15)
    sole = foot + UP * (0.018 + lift) * height
    return {
        f"{side} hip": hip,
        f"{side} knee": knee,
        f"{side} ankle": ankle,
        f"{side} heel": sole - forward * 0.03 * height,
        f"{side} toe": sole + forward * 0.09 * height,
    }
