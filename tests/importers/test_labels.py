import json
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pympi
import pytest

from detach_core.foundation.errors import BadInputError, UserError
from detach_core.importers.events import Remarks
from detach_core.importers.labels import (
    format_of,
    read_boris,
    read_elan,
    read_intervals,
    read_label_studio,
    read_subtitles,
    wall_clock,
)
from detach_core.importers.stamps import LocalTimes

START = datetime(2026, 1, 5, 8, tzinfo=UTC)


@pytest.fixture
def file(tmp_path):
    def write(name, text):
        (tmp_path / name).write_text(text, encoding="utf-8")
        return tmp_path / name

    return write


def rows(labels):
    return [(one.start, one.end, one.label) for one in labels]


def local(path):
    return LocalTimes(path, ZoneInfo("Europe/Amsterdam"))


def test_times_of_the_media_are_counted_from_its_start(file):
    path = file("x.csv", "start_s,end_s,label\n0.5,2,tea\n")
    [one] = wall_clock(read_intervals(path, local(path)), START)
    assert (str(one.start), str(one.end)) == (
        "2026-01-05 08:00:00.500000+00:00",
        "2026-01-05 08:00:02+00:00",
    )
    assert rows(wall_clock(read_intervals(path, local(path)), None)) == [(0.5, 2.0, "tea")]


def test_intervals_have_moments(file):
    path = file("x.csv", "label;start;end\ntea;2026-01-05 09:00:00;2026-01-05T08:30:00Z\n")
    [one] = read_intervals(path, local(path))
    assert (one.start, str(one.end)[14:16]) == (START, "30")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("start,end\n", "expected label among them"),
        ("start,end,label\nnoon,2026-01-05 09:00,tea\n", "line 2, column start: found 'noon'"),
        ("start_s,end_s,label\n1,x,tea\n", "line 2, column end_s: found 'x'"),
        ("start_s,end_s,label\n1,inf,tea\n", "line 2, column end_s"),
    ],
)
def test_wrong_intervals_are_refused(file, text, said):
    path = file("x.csv", text)
    with pytest.raises(BadInputError, match=said):
        read_intervals(path, local(path))


SRT = """1
00:00:01,500 --> 00:00:04,000
<i>make</i> tea

2
00:00:04,000 --> 01:00:05,250
drink
tea
"""
VTT = """WEBVTT

NOTE made by hand

1
00:01.500 --> 00:04.000 align:start
make tea

01:00:04.000 --> 01:00:05.250
drink tea
"""


def test_subtitles_are_labels(file):
    assert rows(read_subtitles(file("x.srt", SRT))) == [(1.5, 4.0, "make tea"), (4.0, 3605.25, "drink tea")]
    assert rows(read_subtitles(file("x.vtt", VTT))) == [(1.5, 4.0, "make tea"), (3604.0, 3605.25, "drink tea")]


def test_a_file_that_is_no_subtitles_is_refused(file, tmp_path):
    with pytest.raises(BadInputError, match="expected subtitles"):
        read_subtitles(file("x.srt", "tea at noon\n"))
    (tmp_path / "y.srt").write_bytes(b"1\n00:00:01,500 --> 00:00:04,000\n\xe9t\xe9\n")
    with pytest.raises(BadInputError, match="line 3: found the byte 0xe9"):
        read_subtitles(tmp_path / "y.srt")


@pytest.fixture
def eaf(tmp_path):
    document = pympi.Eaf(author="x")
    for tier, annotations in (
        ("activity", [(4000, 5250, "drink"), (1500, 4000, "make\ntea")]),
        ("person", [(0, 9000, "anna")]),
    ):
        document.add_tier(tier)
        for annotation in annotations:
            document.add_annotation(tier, *annotation)
    document.add_tier("empty")
    document.remove_tier("default")
    document.to_file(str(tmp_path / "x.eaf"))
    return tmp_path / "x.eaf"


def test_a_tier_of_elan_is_chosen(eaf):
    assert rows(read_elan(eaf, "activity")) == [(1.5, 4.0, "make tea"), (4.0, 5.25, "drink")]
    with pytest.raises(BadInputError, match=r"the tiers activity \(2 annotations\), person \(1 annotations\).*--tier"):
        read_elan(eaf, None)
    for name in ("empty", "nobody"):
        with pytest.raises(BadInputError, match=f"expected the tier '{name}' with annotations"):
            read_elan(eaf, name)


def test_the_only_tier_need_not_be_named(eaf):
    document = pympi.Eaf(str(eaf))
    document.remove_tier("person")
    document.to_file(str(eaf))
    assert len(read_elan(eaf, None)) == 2


def test_a_file_that_is_not_elans_is_refused(file, tmp_path):
    for text in ("no xml", "<html></html>", ""):
        with pytest.raises(BadInputError, match=r"x.eaf: (file: found no such document|tiers: found the tiers none)"):
            read_elan(file("x.eaf", text), None)
    with pytest.raises(BadInputError, match="found nothing"):
        read_elan(tmp_path / "absent.eaf", None)


AGGREGATED = """Observation id,Observation date,Media file,FPS,Subject,Behavior,Behavior type,Start (s),Stop (s)
m1,2026-01-05 08:00:00,a.mp4,25,Anna,make tea,STATE,1.500,4.000
m1,2026-01-05 08:00:00,a.mp4,25,Anna,sneeze,POINT,2,2
m1,2026-01-05 08:00:00,a.mp4,25,Ben,drink,STATE,4.000,5.250
"""
TABULAR = """Observation id,Observation date,Subject,Behavior,Behavioral category,Behavior type,Time,Comment
m1,2026-01-05 08:00:00,Anna,make tea,,START,1.5,
m1,2026-01-05 08:00:00,Anna,talk,,START,2,
m1,2026-01-05 08:00:00,Anna,sneeze,,POINT,2.5,
m1,2026-01-05 08:00:00,Anna,talk,,STOP,3,
m1,2026-01-05 08:00:00,Anna,make tea,,STOP,4,
"""
OLD_TABULAR = """Observation id\tm1

Media file(s)

Player #1\ta.mp4

Time\tMedia file path\tTotal length\tFPS\tSubject\tBehavior\tBehavioral category\tComment\tStatus
1.5\ta.mp4\t60\t25\tAnna\tmake tea\t\t\tSTART
4\ta.mp4\t60\t25\tAnna\tmake tea\t\t\tSTOP
"""


def test_tables_of_boris_are_read(file):
    remarks = Remarks()
    path = file("x.csv", AGGREGATED)
    assert rows(read_boris(path, remarks, subject="Anna")) == [(1.5, 4.0, "make tea")]
    assert remarks.sentences() == ["1 point events, which last no time, are left out (first: line 3)"]
    assert rows(read_boris(path, remarks, subject="Ben")) == [(4.0, 5.25, "drink")]
    found = rows(read_boris(file("y.csv", TABULAR), Remarks()))
    assert sorted(found) == [(1.5, 4.0, "make tea"), (2.0, 3.0, "talk")]
    assert rows(read_boris(file("z.tsv", OLD_TABULAR), Remarks())) == [(1.5, 4.0, "make tea")]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (AGGREGATED, "column Subject: found 2 of them: 'Anna', 'Ben'.*--subject"),
        (TABULAR + "m2,,Anna,talk,,START,9,\n", "column Observation id: found 2 of them"),
        (TABULAR + "m1,,Anna,talk,,START,9,\n", "line 7: found START of 'talk' without a STOP"),
        (TABULAR + "m1,,Anna,talk,,STOP,9,\n", "line 7: found STOP of 'talk'"),
        (TABULAR.replace("STOP,4", "STOP,NA"), "line 6, column Time: found 'NA'"),
        (TABULAR + "m1,,Anna,talk\n", "line 7, column Time: found ''"),
        ("a,b\n1,2\n", "found none of BORIS' tables"),
        ("Behavior,x\ntea,2\n", "columns: found Behavior, x"),
    ],
)
def test_wrong_tables_of_boris_are_refused(file, text, said):
    with pytest.raises(BadInputError, match=said):
        read_boris(file("x.csv", text), Remarks())


def test_a_subject_that_is_not_there_is_refused(file):
    with pytest.raises(BadInputError, match="expected 'Cleo' among them"):
        read_boris(file("x.csv", AGGREGATED), Remarks(), subject="Cleo")


def label_studio(*results):
    return json.dumps([{"id": 1, "data": {}, "annotations": [{"id": 2, "result": list(results)}]}])


def series(start, end, label="Run"):
    value = {"start": start, "end": end, "instant": False, "timeserieslabels": [label]}
    return {"value": value, "type": "timeserieslabels", "from_name": "label", "to_name": "ts"}


def timeline(start, end, label="Moving"):
    value = {"ranges": [{"start": start, "end": end}], "timelinelabels": [label]}
    return {"value": value, "type": "timelinelabels"}


def rectangle(*keys, duration=42.0):
    sequence = [{"frame": frame, "enabled": enabled, "time": frame / 25, "x": 1} for frame, enabled in keys]
    value = {"framesCount": 1050, "duration": duration, "sequence": sequence, "labels": ["Person"]}
    return {"value": value, "type": "videorectangle"}


def test_regions_of_a_time_series_are_dates_or_seconds(file):
    path = file(
        "x.json",
        label_studio(series(1767600000000.0, 1767600001500.0), {"type": "choices", "value": {"choices": ["a"]}}),
    )
    [one] = read_label_studio(path, local(path))
    assert (one.start, str(one.end), one.label) == (START, "2026-01-05 08:00:01.500000+00:00", "Run")
    path = file("y.json", label_studio(series("2026-01-05 09:00:00", "2026-01-05T08:00:01.500Z")))
    assert rows(read_label_studio(path, local(path))) == [(one.start, one.end, "Run")]
    path = file("z.json", label_studio(series(1.5, 3)))
    assert rows(read_label_studio(path, local(path))) == [(1.5, 3.0, "Run")]


def test_regions_in_frames_need_the_videos_rate(file):
    path = file("x.json", label_studio(timeline(1, 50), timeline(51, 51, "Still")))
    assert rows(read_label_studio(path, local(path), fps=25)) == [(0.0, 2.0, "Moving"), (2.0, 2.04, "Still")]
    with pytest.raises(UserError, match="--fps"):
        read_label_studio(path, local(path))


def test_a_rectangle_is_a_label_while_it_is_shown(file):
    path = file("x.json", label_studio(rectangle((25, True), (50, True), (75, False), (100, True))))
    assert rows(read_label_studio(path, local(path))) == [(1.0, 3.0, "Person"), (4.0, 42.0, "Person")]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "found no JSON"),
        ("[" * 100_000, "found no JSON"),
        (label_studio(series(float("inf"), 1)), "region 1: found"),
        ("[]", "found 0 tasks with 0 annotations"),
        (json.dumps([json.loads(label_studio(series(1, 2)))[0]] * 2), "found 2 tasks with 2 annotations"),
        (label_studio({"type": "timeserieslabels", "value": {"timeserieslabels": ["Run"]}}), "region 1: found"),
        (label_studio(series("noon", "later")), "region 1: found"),
        (label_studio(series(1, 2), series(1767600000000, 1767600001000)), "one kind of times"),
    ],
)
def test_wrong_exports_of_label_studio_are_refused(file, text, said):
    path = file("x.json", text)
    with pytest.raises(BadInputError, match=said):
        read_label_studio(path, local(path))


def test_formats_are_told_apart_by_name_and_columns(file):
    assert format_of(file("x.srt", "")) == "subtitles"
    assert format_of(file("x.EAF", "")) == "elan"
    assert format_of(file("x.json", "")) == "label-studio"
    assert format_of(file("x.csv", AGGREGATED)) == "boris"
    assert format_of(file("x.tsv", OLD_TABULAR)) == "boris"
    assert format_of(file("x.csv", "start,end,label\n")) == "intervals"
    with pytest.raises(BadInputError, match="--format"):
        format_of(file("x.docx", ""))
