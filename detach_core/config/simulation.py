"""The simulated homes' knobs. A range is what is physically plausible, and the description says why."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from detach_core.config.section import Name, Section, Share


class HandlingSection(Section):
    """How fixtures are opened and closed."""

    partial_stop: float = Field(
        ge=0,
        le=0.6,
        description="share of movements that halt on the way: people look or change their mind, mostly not",
    )
    regrip: float = Field(ge=0, le=0.5, description="share with a second grip: a wide door outruns the arm")
    overshoot: float = Field(ge=0, le=0.5, description="share that swings beyond its end and comes back")
    slam: float = Field(ge=0, le=0.5, description="share that meets its stop at speed, at average vigour")
    soft_close: float = Field(ge=0, le=0.6, description="share that a damper or a careful hand ends slowly")
    half_open: float = Field(
        ge=0, le=0.5, description="share of openings that end about half way: enough to reach inside"
    )
    left_open: float = Field(
        ge=0, le=0.8, description="share of openings that are closed only after other things were handled"
    )


class SwitchSection(Section):
    """Faults of reed switches and cupboard switches."""

    missed: float = Field(ge=0, le=0.05, description="share of contacts not made: magnet out of line, at most 1 in 20")
    spurious_hz: float = Field(ge=0, le=0.02, description="false toggles per second and switch: cable and vibration")
    bounce_s: float = Field(
        ge=0, le=0.1, description="chatter after a change: reeds settle within milliseconds, loose magnets slower"
    )


class AccelerometerSection(Section):
    """Faults and disturbances of the accelerometers on fixtures."""

    noise_mg: float = Field(ge=1, le=60, description="white noise (mg, sd): cheap MEMS parts plus rounding and radio")
    shake_mg: float = Field(ge=0, le=100, description="tremor and grip of a hand on the handle (mg, sd)")
    cross_talk: float = Field(
        ge=0, le=0.6, description="share of a vibration that reaches the neighbour in the same cabinet"
    )
    bumps_hz: float = Field(
        ge=0, le=0.3, description="knocks per second and room: things put down, people leaning, draught"
    )
    bump_mg: float = Field(ge=0, le=300, description="typical size of a knock (mg)")
    ring: float = Field(ge=0, le=1.5, description="ring after an impact (g per m/s): a light front on rubber stops")
    bias_mg: float = Field(ge=0, le=60, description="offset per axis and recording (mg, sd): data sheets say 20 to 60")
    drift_mg: float = Field(ge=0, le=40, description="slow change within a recording (mg): temperature")
    lost_bursts_per_h: float = Field(
        ge=0, le=60, description="bursts of lost samples per hour and sensor; wired, so rare"
    )


class ClockSection(Section):
    """How far sensor systems and annotators are off the video's clock."""

    offset_s: float = Field(
        ge=0, le=0.2, description="largest offset of a sensor system: the release says about 100 ms"
    )
    wander_s: float = Field(ge=0, le=0.05, description="slow jitter of a system's clock on top (sd)")
    label_jitter_s: float = Field(
        ge=0, le=0.3, description="largest shift of an annotated edge: a couple of hundred ms"
    )


class HomeVideoSection(Section):
    """The camera of a simulated home."""

    image_px: Annotated[list[int], Field(min_length=2, max_length=2)] = Field(description="width and height written")
    noise_sd: float = Field(ge=0, le=12, description="sensor noise (grey levels): an indoor network camera")
    flicker: float = Field(ge=0, le=0.05, description="frame-to-frame gain (relative sd): mains light")
    light_drift: float = Field(ge=0, le=0.3, description="slow change of daylight (relative)")
    exposure_wobble: float = Field(ge=0, le=0.1, description="automatic exposure hunting (relative sd)")
    daylight: Share = Field(description="strength of the patch of sun")
    curtain: Share = Field(description="how far the curtain sways")
    plant: Share = Field(description="how far the plant sways")
    passer_by: Share = Field(description="opacity of someone who passes behind the glass")
    blur_px: float = Field(ge=0, le=20, description="blur of the whole image (sd); HWU-USP's public video is blurred")
    qscale: int = Field(ge=1, le=31, description="quantiser of MPEG-4: 1 finest, 31 coarsest")


class DistractorSection(Section):
    """What moves in the picture besides the handling of fixtures."""

    idle_gesture: Share = Field(description="share of longer pauses with a gesture of the arms")
    sway_per_min: float = Field(ge=0, le=4, description="episodes per minute in which curtain or plant move")
    passer_by_per_min: float = Field(ge=0, le=2, description="people per minute behind the glass")


class OpportunityTake(Section):
    """What is done in one take, by all subjects."""

    script: Literal["drill", "adl"] = Field(
        description="drill: the official order again and again | adl: a scripted day"
    )
    length_s: float = Field(
        gt=10, le=3600, description="wanted length; pauses fill it (S1-S4's runs last 12 to 39 min)"
    )
    rounds: int = Field(ge=1, le=60, description="drill: repetitions (20 in the real one); adl: openings (about 21)")


class OpportunityRoutine(Section):
    """How loosely the scripts are followed."""

    length_spread: float = Field(ge=0, le=0.4, description="largest relative difference between subjects' lengths")
    order_jitter: Share = Field(description="share of the drill's stations that change place with the next")
    detour: Share = Field(description="share of the day's openings before which the person wanders somewhere")
    other_gestures: Share = Field(description="share of the drill's switch, table and drinking gestures that are done")


class TagSection(Section):
    """Position tags on the shoulders."""

    noise_m: float = Field(
        ge=0, le=1.5, description="slow error of a position (m, sd): the release calls it extremely noisy"
    )
    lost: Share = Field(description="share of samples without a position")


class OpportunityHomeSection(Section):
    """The simulated home behind the Opportunity-like recordings."""

    seed: int = Field(ge=0, description="seed of home, persons and recordings")
    layout: Literal["opportunity_plus_plus", "uci"] = Field(description="how the files are laid out")
    takes: dict[Name, OpportunityTake] = Field(description="what each take is")
    routine: OpportunityRoutine
    handling: HandlingSection
    distractors: DistractorSection
    switches: SwitchSection
    accelerometers: AccelerometerSection
    clocks: ClockSection
    tags: TagSection
    video: HomeVideoSection


class HwuRoutine(Section):
    """How loosely an activity's script is followed."""

    length_s: float = Field(gt=5, le=120, description="length of a sequence (real ones last 40 to 50 s)")
    length_spread: float = Field(ge=0, le=0.4, description="largest relative difference between sequences")
    visits: int = Field(ge=1, le=20, description="places visited in a sequence")
    order_jitter: float = Field(
        ge=0, le=1, description="how far the order of visits is shuffled: 0 script, 1 any order"
    )
    improvise: Share = Field(description="share of visits that go anywhere: subjects were free in how to do it")


class MotionSensorSection(Section):
    """Passive infrared motion sensors."""

    hold_s: float = Field(ge=0, le=10, description="stays on after the last movement: domestic parts hold some seconds")
    missed: Share = Field(description="share of movements not seen: small or radial ones")
    delay_s: float = Field(ge=0, le=1, description="from movement to report")
    false_hz: float = Field(ge=0, le=0.02, description="false reports per second: warm air, sun")


class HwuHomeSection(Section):
    """The simulated flat behind the HWU-USP-like sequences."""

    seed: int = Field(ge=0, description="seed of home, persons and recordings")
    routine: HwuRoutine
    handling: HandlingSection
    distractors: DistractorSection
    switches: SwitchSection
    motion_sensors: MotionSensorSection
    clocks: ClockSection
    video: HomeVideoSection
