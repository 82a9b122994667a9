"""Picture of a person: joints of a walking, reaching and sitting body, and the outlines of its limbs."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from detach_core.simulation.surfaces import NEAR_M, Projection
from detach_core.simulation.trace import Array, Person, Trace

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
class BodyMotion:
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


def sample_body_motion(trace: Trace, time_s: Array) -> BodyMotion:
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
    return BodyMotion(
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


def joints(motion: BodyMotion, height: float, *, right_handed: bool) -> dict[str, Array]:
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
    motion: BodyMotion, pelvis: Array, forward: Array, left: Array, height: float, sign: float
) -> tuple[Array, Array]:
    """Target (F, 3) of the active hand and its weight (F, 1): the trace's hand first, else a gesture."""
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


def _leg(motion: BodyMotion, pelvis: Array, forward: Array, left: Array, height: float, side: str) -> dict[str, Array]:
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


# Limbs: two joints and the radius at each, as shares of the body height.
LIMBS: tuple[tuple[str, str, float, float, str], ...] = (
    *(
        part
        for side in ("left", "right")
        for part in (
            (f"{side} hip", f"{side} knee", 0.050, 0.036, "trousers"),
            (f"{side} knee", f"{side} ankle", 0.035, 0.024, "trousers"),
            (f"{side} heel", f"{side} toe", 0.023, 0.019, "shoes"),
            (f"{side} shoulder", f"{side} elbow", 0.032, 0.026, "shirt"),
            (f"{side} elbow", f"{side} hand", 0.025, 0.019, "sleeve"),
            (f"{side} hand", f"{side} hand", 0.024, 0.024, "skin"),
        )
    ),
    ("left hip", "right hip", 0.055, 0.055, "trousers"),
    ("chest", "neck", 0.032, 0.030, "skin"),
    ("head", "face", 0.055, 0.055, "skin"),
    ("hair", "head", 0.062, 0.050, "hair"),
)

TRUNK = (("left shoulder", 0.045), ("right shoulder", 0.045), ("left hip", 0.055), ("right hip", 0.055))

SHOES_BGR = (38, 36, 40)


# Sub-pixel bits that OpenCV's fills take.
SHIFT = 4

ARC = np.linspace(-np.pi / 2, np.pi / 2, 5)

CIRCLE = np.linspace(0, 2 * np.pi, 9)[:-1]


# A surface must be this much (m) nearer than the middle of a limb to hide it.
HIDES_M = 0.09


# Limbs thinner than this (px, radius) get no highlight.
HIGHLIGHT_PX = 1.5

SHADOW_M, SHADOW_GAIN = 0.26, 0.76


class PersonDrawing:
    """One person through a whole video: outlines are computed at once, frames only fill them."""

    def __init__(self, motion: BodyMotion, person: Person, projection: Projection) -> None:
        points = joints(motion, person.height_m, right_handed=person.right_handed)
        names = list(points)
        stacked = np.stack([points[name] for name in names], axis=1)
        depth = projection.depth(stacked)
        pixels = projection.project(stacked)
        scale = projection.focal_px * person.height_m / np.maximum(depth, NEAR_M)
        first = [names.index(limb[0]) for limb in LIMBS]
        second = [names.index(limb[1]) for limb in LIMBS]
        radius_first = np.array([limb[2] for limb in LIMBS]) * scale[:, first]
        radius_second = np.array([limb[3] for limb in LIMBS]) * scale[:, second]
        self._limbs = _capsules(pixels[:, first], pixels[:, second], radius_first, radius_second)
        nudge = np.array([-0.3, -0.25]) * radius_first[..., None]
        self._lights = _capsules(
            pixels[:, first] + nudge, pixels[:, second] + nudge, 0.5 * radius_first, 0.5 * radius_second
        )
        self._lit = np.minimum(radius_first, radius_second) >= HIGHLIGHT_PX
        trunk = [names.index(name) for name, _ in TRUNK]
        around = np.stack([np.cos(CIRCLE), np.sin(CIRCLE)], axis=1)
        trunk_radius = np.array([radius for _, radius in TRUNK]) * scale[:, trunk]
        outline = pixels[:, trunk, None] + trunk_radius[..., None, None] * around
        self._trunk = _fixed(outline.reshape(len(outline), -1, 2))
        self._depth = np.concatenate(
            [(depth[:, first] + depth[:, second]) / 2, depth[:, trunk].mean(axis=1)[:, None]], axis=1
        )
        # The trunk's front is nearer than its middle, but an arm before it must stay before it.
        self._order = np.argsort(-self._depth, axis=1, kind="stable")
        everything = np.concatenate([self._limbs.reshape(len(outline), -1, 2), self._trunk], axis=1)
        low = (everything.min(axis=1) >> SHIFT) - 1
        high = (everything.max(axis=1) >> SHIFT) + 3
        size = np.array([projection.width_px, projection.height_px])
        self._low, self._high = np.clip(low, 0, size), np.clip(high, 0, size)
        self._in_view = (depth > NEAR_M * 4).all(axis=1) & (self._low < self._high).all(axis=1)
        self._colours = [_colour(person, limb[4]) for limb in LIMBS] + [person.shirt_bgr]
        self._bright = [_brighter(colour) for colour in self._colours]
        self._shadows = _shadows(motion.position, projection)
        rise = projection.rays[..., 2]
        with np.errstate(divide="ignore"):
            floor = np.where(rise < 0, -projection.position[2] / rise, np.inf)
        self._floor = floor.astype(np.float32)
        self._part_depth = np.zeros_like(self._floor)

    def draw(self, frame: NDArray[np.uint8], index: int, scene_depth: NDArray[np.float32]) -> None:
        """Draw the person of frame `index` into `frame` (H, W, 3), behind what `scene_depth` (H, W) has nearer."""
        if not self._in_view[index]:
            return
        self._draw_shadow(frame, index, scene_depth)
        (left, top), (right, bottom) = self._low[index], self._high[index]
        view = frame[top:bottom, left:right]
        before = view.copy()
        depth = self._part_depth[top:bottom, left:right]
        depth[:] = self._depth[index, -1]
        limbs, lights, lit, depths = (
            self._limbs[index],
            self._lights[index],
            self._lit[index],
            self._depth[index].tolist(),
        )
        for part in self._order[index].tolist():
            outline = cv2.convexHull(self._trunk[index]) if part == len(limbs) else limbs[part]
            cv2.fillConvexPoly(frame, outline, self._colours[part], cv2.LINE_AA, SHIFT)
            cv2.fillConvexPoly(self._part_depth, outline, depths[part], cv2.LINE_8, SHIFT)
            if part == len(limbs):
                self._light_trunk(frame, outline)
            elif lit[part]:
                cv2.fillConvexPoly(frame, lights[part], self._bright[part], cv2.LINE_AA, SHIFT)
        hidden = scene_depth[top:bottom, left:right] < depth - np.float32(HIDES_M)
        np.copyto(view, before, where=hidden[..., None])

    def _light_trunk(self, frame: NDArray[np.uint8], outline: NDArray[np.int32]) -> None:
        middle = outline.mean(axis=0)
        extent = outline.max(axis=0) - outline.min(axis=0)
        inner = (outline - middle) * 0.6 + middle - 0.12 * extent
        cv2.fillConvexPoly(frame, inner.astype(np.int32), self._bright[-1], cv2.LINE_AA, SHIFT)

    def _draw_shadow(self, frame: NDArray[np.uint8], index: int, scene_depth: NDArray[np.float32]) -> None:
        outline = self._shadows[index]
        left, top, width, height = cv2.boundingRect(outline >> SHIFT)
        left, right = max(left - 1, 0), min(left + width + 1, frame.shape[1])
        top, bottom = max(top - 1, 0), min(top + height + 1, frame.shape[0])
        if left >= right or top >= bottom:
            return
        mask = np.zeros((bottom - top, right - left), dtype=np.uint8)
        corner = np.array([left << SHIFT, top << SHIFT], dtype=np.int32)
        cv2.fillConvexPoly(mask, outline - corner, 255, cv2.LINE_8, SHIFT)
        on_floor = np.abs(scene_depth[top:bottom, left:right] - self._floor[top:bottom, left:right]) < 0.03
        view = frame[top:bottom, left:right]
        np.copyto(view, cv2.convertScaleAbs(view, alpha=SHADOW_GAIN), where=(on_floor & (mask > 0))[..., None])


def _fixed(pixels: Array) -> NDArray[np.int32]:
    # Points far outside (a limb beside the camera) must not overflow OpenCV's fixed-point numbers.
    return (np.clip(pixels, -4000, 4000) * (1 << SHIFT)).round().astype(np.int32)


def _capsules(first: Array, second: Array, radius_first: Array, radius_second: Array) -> NDArray[np.int32]:
    """Outlines (F, P, 10, 2) of limbs between pixel positions (F, P, 2), rounded at both ends."""
    way = second - first
    length = np.linalg.norm(way, axis=-1, keepdims=True)
    along = np.where(length > 1e-6, way / np.maximum(length, 1e-6), np.array([1.0, 0.0]))
    across = np.stack([-along[..., 1], along[..., 0]], axis=-1)
    half = np.cos(ARC)[:, None] * along[..., None, :] + np.sin(ARC)[:, None] * across[..., None, :]
    end = second[..., None, :] + radius_second[..., None, None] * half
    start = first[..., None, :] - radius_first[..., None, None] * half
    return _fixed(np.concatenate([end, start], axis=-2))


def _shadows(position: Array, projection: Projection) -> NDArray[np.int32]:
    around = np.stack([np.cos(CIRCLE), np.sin(CIRCLE), np.zeros(len(CIRCLE))], axis=1)
    return _fixed(projection.project(position[:, None] + SHADOW_M * around))


def _colour(person: Person, role: str) -> tuple[int, int, int]:
    roles = {
        "trousers": person.trousers_bgr,
        "shirt": person.shirt_bgr,
        "skin": person.skin_bgr,
        "hair": person.hair_bgr,
        "shoes": SHOES_BGR,
        # Half of the people wear short sleeves; their shirt decides.
        "sleeve": person.skin_bgr if sum(person.shirt_bgr) % 2 else person.shirt_bgr,
    }
    return roles[role]


def _brighter(colour: tuple[int, int, int]) -> tuple[int, int, int]:
    blue, green, red = (min(255, int(channel * 1.14 + 7)) for channel in colour)
    return blue, green, red
