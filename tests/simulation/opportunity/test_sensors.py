from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from detach_core.datasets.opportunity.text import FIXTURES, SWITCHES
from detach_core.settings.base import from_plain
from detach_core.simulation.opportunity.layout import opportunity_home
from detach_core.simulation.opportunity.sensors import (
    MOUNT_UV,
    body_motion,
    cabinet_vibration,
    deckchair_force,
    impacts,
    lever_m,
    mounts,
    reed_switches,
    ringing,
    tag_positions,
    true_acceleration,
    vibrations,
    with_faults,
)
from detach_core.simulation.opportunity.settings import AccelerometerSettings, DrawerSettings, TagSettings
from detach_core.simulation.performance import minimum_jerk
from detach_core.simulation.trace import Action

CLEAN = {
    "noise_mg": 1, "shake_mg": 0, "cross_talk": 0, "bumps_hz": 0, "bump_mg": 0, "ring": 0, "bias_mg": 0, "drift_mg": 0,
    "lost_bursts_per_h": 0,
}  # fmt: skip

STILL = np.tile([0.0, 0.0, 1000.0], (30 * 3600, 1))


def _read(**changes):
    knobs = from_plain(AccelerometerSettings, CLEAN | changes)
    return with_faults(STILL, rate_hz=30.0, knobs=knobs, generator=np.random.default_rng(0))


def test_readings_are_whole_milli_g_with_the_noise_that_was_asked_for():
    read = _read(noise_mg=25)
    np.testing.assert_array_equal(read, np.round(read))
    assert (read - STILL).std() == pytest.approx(25, rel=0.01)


def test_bias_is_constant_and_drift_is_slow():
    biased = _read(bias_mg=30).mean(axis=0) - STILL[0]
    assert 5 < np.abs(biased).max() < 120
    drifting = _read(drift_mg=30)
    minutes = drifting.reshape(-1, 30 * 60, 3).mean(axis=1)
    assert minutes.std(axis=0).max() > 5
    assert np.abs(np.diff(drifting.reshape(-1, 30, 3).mean(axis=1), axis=0)).max() < 5


def test_samples_are_lost_in_rare_short_bursts_of_all_axes():
    lost = np.isnan(_read(lost_bursts_per_h=60))
    assert (lost.all(axis=1) == lost.any(axis=1)).all()
    starts = int((np.diff(lost[:, 0].astype(int)) == 1).sum())
    assert 40 < starts < 80
    assert lost.mean() < 0.02
    assert not np.isnan(_read()).any()


def test_the_deckchair_tilts_under_a_person_who_is_near():
    posture = np.repeat([0.0, 1.0], 500)
    generator = np.random.default_rng(0)
    sat = deckchair_force(posture, np.ones(1000), 100.0, generator)
    away = deckchair_force(posture, np.zeros(1000), 100.0, generator)
    assert sat[600:, 0].mean() > sat[:400, 0].mean() + 80
    assert np.abs(np.diff(away, axis=0)).max() < 1e-9


HOME = opportunity_home()

GRAVITY = 9.81

QUIET = {
    "noise_mg": 1,
    "shake_mg": 0,
    "cross_talk": 0,
    "bumps_hz": 0,
    "bump_mg": 0,
    "ring": 0,
    "bias_mg": 0,
    "drift_mg": 0,
}


def _knobs(**changes):
    return from_plain(AccelerometerSettings, QUIET | {"lost_bursts_per_h": 0} | changes)


def _frame(fixture, opening):
    """The body axes u, v, n (3, 3) in the room, from the geometry's own points."""
    corner, along, up = fixture.points(np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]), opening)
    u, v = (along - corner) / np.linalg.norm(along - corner), (up - corner) / np.linalg.norm(up - corner)
    return np.stack([u, v, np.cross(u, v)])


@pytest.mark.parametrize("name", list(HOME.fixtures))
def test_acceleration_and_gravity_are_those_of_the_point_that_the_geometry_moves(name):
    """Oracle: the mount's room positions, differentiated twice, turned into the front's axes by its own corners."""
    fixture, rate_hz = HOME.fixtures[name], 400.0
    opening = minimum_jerk(np.linspace(0, 1, 800))
    positions = np.array([fixture.points(np.array([MOUNT_UV]), float(value))[0] for value in opening])
    room = np.gradient(np.gradient(positions, 1 / rate_hz, axis=0), 1 / rate_hz, axis=0)
    motion, up = body_motion(fixture, opening, rate_hz)
    for row in (150, 400, 620):
        frame = _frame(fixture, float(opening[row]))
        np.testing.assert_allclose(motion[row] * GRAVITY, frame @ room[row], atol=0.05)
        np.testing.assert_allclose(up[row], frame @ [0.0, 0.0, 1.0], atol=1e-9)
    assert np.abs(motion).max() * GRAVITY > 0.2


def test_gravity_turns_on_the_flap_and_stays_on_doors_and_drawers():
    for name, fixture in HOME.fixtures.items():
        _, up = body_motion(fixture, np.linspace(0, 1, 100), 100.0)
        turned = float(np.degrees(np.arccos(np.clip(up[0] @ up[-1], -1, 1))))
        expected = np.degrees(fixture.travel) if name == "Dishwasher" else 0.0
        assert turned == pytest.approx(expected, abs=1e-3), name
        np.testing.assert_allclose(np.linalg.norm(up, axis=1), 1.0)


def test_opening_and_closing_push_in_opposite_directions():
    course = minimum_jerk(np.linspace(0, 1, 150))
    for fixture in HOME.fixtures.values():
        opened, _ = body_motion(fixture, course, 100.0)
        closed, _ = body_motion(fixture, 1 - course, 100.0)
        early = slice(10, 60)
        assert opened[early, 2].mean() > 0 > closed[early, 2].mean()


def test_a_front_that_stops_dead_is_an_impact_and_rings_out():
    course = np.concatenate([np.linspace(1, 0, 60), np.zeros(200)])
    fixture = HOME.fixtures["Drawer 1"]
    strikes = impacts(fixture, course, 100.0)
    assert np.flatnonzero(strikes).tolist() == [1, 60]
    assert strikes[60] == pytest.approx(lever_m(fixture) * 100 / 59, rel=1e-6)
    assert np.abs(body_motion(fixture, course, 100.0)[0]).max() < 1e-9
    tone = ringing(strikes, 100.0, np.random.default_rng(0))
    assert np.abs(tone[61:90]).max() > 0.2 * strikes[60]
    assert np.abs(tone[230:]).max() < 0.05 * strikes[60]


def test_each_home_glues_its_sensors_its_own_way():
    first, again, other = mounts(HOME, seed=0), mounts(HOME, seed=0), mounts(HOME, seed=1)
    for name, mount in first.items():
        np.testing.assert_allclose(mount.rotation @ mount.rotation.T, np.eye(3), atol=1e-12)
        assert np.linalg.det(mount.rotation) == pytest.approx(1.0)
        np.testing.assert_array_equal(mount.rotation, again[name].rotation)
    assert any(np.abs(first[name].rotation - other[name].rotation).max() > 0.5 for name in first)


@pytest.fixture
def slammed(hand_made_trace):
    """A home in which Drawer 2 alone is slammed at 1 s, by a hand that holds it from 0 s to 1.5 s."""
    trace = hand_made_trace(HOME, duration_s=3.0, rate_hz=100.0)
    trace.opening["Drawer 2"][:] = np.clip(1 - trace.time_s, 0, 1)
    return dataclasses.replace(trace, actions=(Action(0.0, 1.5, "Drawer 2", False, "Close Drawer 2"),))


def test_cross_talk_reaches_the_same_cabinet_and_not_the_doors(slammed):
    def size(cross_talk):
        shaken = vibrations(slammed, HOME, _knobs(ring=1.0, cross_talk=cross_talk), np.random.default_rng(0))
        return {name: float(np.abs(signal).max()) for name, signal in shaken.fronts.items()}

    alone, together = size(0.0), size(0.5)
    assert {name for name, value in alone.items() if value > 0} == {"Drawer 2"}
    assert together["Drawer 1"] > 0.3 * together["Drawer 2"]
    assert together["Drawer 3"] > 0.3 * together["Drawer 2"]
    assert together["Door 1"] == together["Door 2"] == 0.0


def test_cross_talk_of_the_row_reaches_all_its_fronts_alike_and_not_the_doors(slammed):
    def fronts(row):
        knobs = _knobs(ring=1.0, cross_talk=0.5, row_cross_talk=row)
        return vibrations(slammed, HOME, knobs, np.random.default_rng(0)).fronts

    without, some, twice = fronts(0.0), fronts(0.15), fronts(0.3)
    added = {name: some[name] - without[name] for name in without}
    assert {name for name, signal in added.items() if np.abs(signal).max() > 0} == {
        "Fridge", "Dishwasher", "Drawer 1", "Drawer 3",
    }  # fmt: skip
    for name in ("Dishwasher", "Drawer 1", "Drawer 3"):
        np.testing.assert_allclose(added[name], added["Fridge"], atol=1e-12)
    np.testing.assert_allclose(twice["Fridge"] - without["Fridge"], 2 * added["Fridge"], atol=1e-12)
    # The impact at 1 s is passed on with the share that was asked for: 15 % of what its own front feels.
    ringing_out = slice(100, 200)
    own = float(np.abs(without["Drawer 2"][ringing_out, 2]).max())
    assert float(np.abs(added["Fridge"][ringing_out, 2]).max()) == pytest.approx(0.15 * own, rel=0.15)


PUSHES = {
    "Drawer 1": [0.0, 0.0, 1.0],
    "Drawer 2": [0.3, 0.0, 0.0],
    "Drawer 3": [0.0, 0.2, 0.0],
    "Fridge": [0.0, 0.0, 2.0],
    "Dishwasher": [0.0, 0.0, 0.0],
}


@pytest.mark.parametrize("pushing", [*PUSHES])
def test_the_cabinet_feels_half_of_the_way_and_the_tilt_of_high_and_low_drawers(pushing):
    """Against the rotation's printed matrix about the width, for each front alone."""
    knobs, lean = _knobs(cross_talk=0.36, row_cross_talk=0.1), 0.4
    sent = {name: np.array([push if name == pushing else [0.0] * 3] * 4) for name, push in PUSHES.items()}
    felt = cabinet_vibration(sent, knobs, lean_rad=lean)
    tilt = {"Drawer 1": lean, "Drawer 2": 0.0, "Drawer 3": -lean}
    across, up, out = PUSHES[pushing]
    expected = [0.1 * across, 0.1 * up, 0.1 * out]
    if pushing in tilt:
        cos, sin = np.cos(tilt[pushing]), np.sin(tilt[pushing])
        expected = [0.6 * across, 0.6 * (cos * up + sin * out), 0.6 * (cos * out - sin * up)]
    np.testing.assert_allclose(felt, [expected] * 4, atol=1e-12)


@pytest.mark.parametrize("drawer", ["Drawer 1", "Drawer 2", "Drawer 3"])
def test_one_accelerometer_for_the_drawers_feels_each_of_them_but_no_slide(hand_made_trace, drawer):
    trace = hand_made_trace(HOME, duration_s=3.0, rate_hz=100.0)
    trace.opening[drawer][:] = np.clip(1 - trace.time_s, 0, 1)
    knobs = _knobs(ring=1.0, cross_talk=0.36)

    def felt(accelerometers):
        drawers = DrawerSettings(accelerometers=accelerometers, lean_rad=0.3)
        return true_acceleration(trace, HOME, knobs, seed=0, generator=np.random.default_rng(0), drawers=drawers)

    one, each = felt("one"), felt("each")
    for name in ("Drawer 1", "Drawer 3"):
        assert np.isnan(one[name]).all()
    for name in ("Door 1", "Door 2", "Fridge", "Dishwasher"):
        np.testing.assert_array_equal(one[name], each[name])
    loud = np.abs(one["Drawer 2"] - one["Drawer 2"][-1]).max()
    assert loud > 0.3 * np.abs(each[drawer] - each[drawer][-1]).max()
    np.testing.assert_allclose(np.linalg.norm(one["Drawer 2"][-1]), 1000.0, rtol=2e-3)


def test_a_tilt_changes_nothing_while_each_drawer_has_its_own_accelerometer(slammed):
    knobs = _knobs(ring=1.0, cross_talk=0.5, row_cross_talk=0.2)
    plain, tilted = (
        true_acceleration(
            slammed, HOME, knobs, seed=0, generator=np.random.default_rng(0), drawers=DrawerSettings(lean_rad=lean)
        )
        for lean in (0.0, 0.6)
    )
    for name, signal in plain.items():
        np.testing.assert_array_equal(signal, tilted[name])


def test_a_hand_shakes_only_what_it_holds_while_it_holds_it(slammed):
    shaken = vibrations(slammed, HOME, _knobs(shake_mg=40.0), np.random.default_rng(0)).fronts
    held = shaken["Drawer 2"][:150]
    assert held.std() == pytest.approx(0.04, rel=0.01)
    assert np.abs(shaken["Drawer 2"][150:]).max() == 0
    assert np.abs(shaken["Drawer 1"]).max() == 0


def test_knocks_come_as_often_as_said(hand_made_trace):
    trace = hand_made_trace(HOME, duration_s=1500.0, rate_hz=100.0)
    shaken = vibrations(trace, HOME, _knobs(bumps_hz=0.1, bump_mg=100.0), np.random.default_rng(0)).fronts
    loud = sum(int((np.abs(signal[:, 2]) > 0.02).any()) for signal in shaken.values())
    assert loud == 7
    door = np.abs(shaken["Door 1"][:, 2]) > 0.003
    episodes = int((np.diff(np.flatnonzero(door)) > 50).sum()) + 1
    assert episodes == pytest.approx(0.1 * 1500 / 7, rel=0.4)


def test_a_sensor_at_rest_feels_one_g(slammed):
    felt = true_acceleration(slammed, HOME, _knobs(), seed=0, generator=np.random.default_rng(0))
    for name in ("Door 1", "Fridge", "Dishwasher", "Drawer 3"):
        np.testing.assert_allclose(np.linalg.norm(felt[name], axis=1), 1000.0, rtol=1e-9)


def _switches(seed=0):
    return {contact.name: contact for contact in reed_switches(opportunity_home(), seed=seed)}


def test_the_home_has_the_thirteen_switches_on_their_fixtures():
    contacts = _switches()
    assert set(contacts) == set(SWITCHES)
    for name, contact in contacts.items():
        assert FIXTURES[contact.fixture] == name.split()[0]
    assert not any(contact.fixture.startswith("Door") for contact in contacts.values())


def test_a_triplet_tells_closed_half_and_fully_open():
    contacts = _switches()
    for word in ("DISHWASHER", "FRIDGE", "MIDDLEDRAWER", "LOWERDRAWER"):
        near = [contacts[f"{word} S{index}"].near(np.array([0.0, 0.5, 0.96])).tolist() for index in (1, 2, 3)]
        assert near == np.eye(3, dtype=bool).tolist()


def test_drawer_1_reads_the_same_closed_half_and_full():
    assert _switches()["UPPERDRAWER"].near(np.array([0.0, 0.25, 0.5, 0.75, 0.95])).tolist() == [1, 0, 1, 0, 1]


OWN = {"UPPERDRAWER", *(f"{word}DRAWER S{index}" for word in ("MIDDLE", "LOWER") for index in (1, 2, 3))}


@pytest.mark.parametrize(
    ("wiring", "left"),
    [
        ("each", OWN),
        ("closed", {"UPPERDRAWER", "MIDDLEDRAWER S1", "LOWERDRAWER S1"}),
        ("shared", {"UPPERDRAWER"}),
        ("none", set()),
    ],
)
def test_inputs_of_switches_that_the_drawers_lack_rest_and_others_stay(wiring, left):
    own = _switches()
    found = {contact.name: contact for contact in reed_switches(HOME, seed=0, drawers=wiring)}
    assert list(found) == list(own)
    assert all(found[name] == own[name] for name in own if name not in OWN)
    assert {name for name in OWN if found[name].magnets} == left
    assert all(found[name].active == own[name].active for name in OWN)


def test_one_switch_a_drawer_tells_closed_from_any_opening():
    found = {contact.name: contact for contact in reed_switches(HOME, seed=0, drawers="closed")}
    for name in ("UPPERDRAWER", "MIDDLEDRAWER S1", "LOWERDRAWER S1"):
        assert found[name].near(np.array([0.0, 0.07, 0.09, 0.5, 0.95])).tolist() == [True, True, False, False, False]
        assert found[name].in_series == ()


def test_the_shared_switch_is_made_while_the_drawers_are_all_closed():
    (loop,) = [one for one in reed_switches(HOME, seed=0, drawers="shared") if one.name == "UPPERDRAWER"]
    openings = {name: np.zeros(5) for name in HOME.fixtures} | {
        "Drawer 1": np.array([0.0, 0.5, 0.0, 0.0, 0.0]),
        "Drawer 2": np.array([0.0, 0.0, 0.95, 0.0, 0.0]),
        "Drawer 3": np.array([0.0, 0.0, 0.0, 1.0, 0.0]),
        "Fridge": np.array([0.0, 0.0, 0.0, 0.0, 1.0]),
    }
    assert loop.near(loop.opening(openings)).tolist() == [True, False, False, False, True]


def test_polarity_belongs_to_the_home():
    assert _switches(0) == _switches(0)
    polarities = {tuple(contact.active for contact in _switches(seed).values()) for seed in range(12)}
    assert len(polarities) > 4


def _tags(trace, **changes):
    knobs = from_plain(TagSettings, {"noise_m": 0.3, "lost": 0.02} | changes)
    time_s = np.arange(int(trace.duration_s * 30)) / 30
    return time_s, tag_positions(trace, time_s, knobs, np.random.default_rng(0))


def test_tags_are_whole_millimetres_near_the_person_with_heavy_noise(drill):
    time_s, tags = _tags(drill.trace)
    assert tags.shape == (len(time_s), 12)
    assert np.isnan(tags).mean() == pytest.approx(0.02, abs=0.005)
    np.testing.assert_array_equal(tags[~np.isnan(tags)] % 1, 0)
    place = np.stack([np.interp(time_s, drill.trace.time_s, drill.trace.person_xy_m[:, axis]) for axis in (0, 1)], 1)
    off = np.abs(tags[:, :2] / 1000 - place)
    assert 0.15 < np.nanmedian(off) < 0.6


def test_tags_sit_on_both_shoulders(drill):
    _, tags = _tags(drill.trace, noise_m=0.0, lost=0.0)
    gap = np.median(np.linalg.norm(tags[:, :2] - tags[:, 6:8], axis=1))
    assert gap == pytest.approx(400, rel=0.02)
    assert np.median(tags[:, 2]) == pytest.approx(820 * drill.trace.person.height_m, rel=0.02)
