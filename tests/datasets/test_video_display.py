from __future__ import annotations

import struct
from fractions import Fraction

import cv2
import numpy as np
import pytest

from detach_core.datasets.video_files import inspect_video
from detach_core.datasets.video_pictures import Orientation, PictureCount, PictureFitter, orientation_of, read_pictures
from detach_core.foundation.errors import BadInputError
from detach_core.signals.frames import rgb_of_planar
from tests.fixtures.videos import write_stamped


def corners(width, height):
    """A picture whose corners are, from the top left clockwise, at 40, 100, 160 and 220."""
    grey = np.empty((height, width), np.uint8)
    grey[: height // 2, : width // 2], grey[: height // 2, width // 2 :] = 40, 100
    grey[height // 2 :, width // 2 :], grey[height // 2 :, : width // 2] = 160, 220
    return np.repeat(grey[..., None], 3, axis=2)


def disc(width, height):
    """A disc in the middle whose diameter is half the height, seen by square pixels."""
    picture = np.full((height, width, 3), 40, np.uint8)
    return cv2.circle(picture, (width // 2, height // 2), height // 4, (220, 220, 220), -1)


def shown(path, *, image_px, crop_px=None):
    fit = PictureFitter(path, image_px=image_px, crop_px=crop_px)
    pictures = read_pictures(inspect_video(path), PictureCount(), back_s=1.0)
    return [rgb_of_planar(fit(item), (image_px[0], image_px[1])).mean(axis=2) for item in pictures]


def corners_of(grey):
    height, width = grey.shape
    places = [
        (height // 4, width // 4),
        (height // 4, -width // 4),
        (-height // 4, -width // 4),
        (-height // 4, width // 4),
    ]
    return [round(float(grey[place]) / 60 - 0.6667) * 60 + 40 for place in places]


@pytest.mark.parametrize("mirrored", [{}, {"hflip": True}, {"vflip": True}])
@pytest.mark.parametrize("degrees", [0, 90, 180, -90, 270])
def test_a_picture_is_turned_and_mirrored_as_a_player_does(tmp_path, degrees, mirrored):
    path = write_stamped(
        tmp_path / "a.mp4",
        [0, 0.1],
        pictures=[corners(96, 64)] * 2,
        size=(96, 64),
        prepare=lambda stream: stream.set_display_rotation(degrees, **mirrored),
    )
    upright = np.rot90(np.array([[40, 100], [220, 160]]), degrees // 90)
    upright = upright[:, ::-1] if mirrored.get("hflip") else upright
    upright = upright[::-1] if mirrored.get("vflip") else upright
    image_px = (24, 36) if degrees % 180 else (36, 24)
    (first, _) = shown(path, image_px=image_px)
    assert corners_of(first) == [*upright[0], *upright[1][::-1]]


def test_the_matrix_of_a_phone_held_upright_is_a_turn_to_the_right(tmp_path):
    """QuickTime's matrix (0 1 0, -1 0 0) turns clockwise: what is stored at the left is displayed at the top."""
    path = write_stamped(
        tmp_path / "a.mp4",
        [0, 0.1],
        pictures=[corners(96, 64)] * 2,
        size=(96, 64),
        prepare=lambda stream: stream.set_display_matrix([0, 1 << 16, 0, -1 << 16, 0, 0, 0, 0, 1 << 30]),
    )
    assert corners_of(shown(path, image_px=(24, 36))[0]) == [220, 40, 100, 160]


def test_a_turned_picture_is_whole_and_in_its_aspect(tmp_path):
    path = write_stamped(
        tmp_path / "a.mp4",
        [0, 0.1],
        pictures=[disc(96, 64)] * 2,
        size=(96, 64),
        prepare=lambda stream: stream.set_display_rotation(90),
    )
    bright = shown(path, image_px=(64, 96))[0] > 130
    assert bright.any(axis=0).sum() == pytest.approx(32, abs=2)
    assert bright.any(axis=1).sum() == pytest.approx(32, abs=2)


@pytest.mark.parametrize("matrix", [(1 << 15, 1 << 15, 0, -1 << 15, 1 << 15), (1 << 16, 1 << 14, 0, 0, 1 << 16)])
def test_a_slanted_picture_is_refused(matrix):
    with pytest.raises(ValueError, match="a picture to be sheared by the matrix"):
        orientation_of(struct.pack("=9i", *matrix, 0, 0, 0, 1 << 30))


def test_rounding_in_a_matrix_is_no_slant():
    matrix = struct.pack("=9i", 3, 65536, 0, -65536, -2, 0, 0, 0, 1 << 30)
    assert orientation_of(matrix) == Orientation(True, False, True)
    assert orientation_of(None) == Orientation()


@pytest.mark.parametrize("aspect", ["16/15", "2", "1/2", "8/9"])
@pytest.mark.parametrize(("name", "turned"), [("a.mp4", 0), ("a.mp4", 90), ("a.mkv", 0), ("a.ts", 0)])
def test_a_pixel_that_is_not_square_gives_the_true_shape(tmp_path, name, aspect, turned):
    stored = cv2.resize(disc(120, 96), (round(120 / Fraction(aspect) / 2) * 2, 96), interpolation=cv2.INTER_AREA)
    path = write_stamped(
        tmp_path / name,
        [0, 0.1],
        pictures=[stored] * 2,
        size=(stored.shape[1], 96),
        aspect=aspect,
        prepare=lambda stream: stream.set_display_rotation(turned) if turned else None,
    )
    bright = shown(path, image_px=(48, 60) if turned else (60, 48))[0] > 130
    assert bright.any(axis=0).sum() == pytest.approx(24, abs=1.5)
    assert bright.any(axis=1).sum() == pytest.approx(24, abs=1.5)


def test_a_crop_counts_in_pixels_of_the_displayed_picture(tmp_path):
    """Stored 48 x 64 with pixels twice as wide, turned: displayed 64 x 96."""
    path = write_stamped(
        tmp_path / "a.mp4",
        [0, 0.1],
        pictures=[corners(48, 64)] * 2,
        size=(48, 64),
        aspect="2",
        prepare=lambda stream: stream.set_display_rotation(180 + 90),
    )
    whole = corners_of(shown(path, image_px=(32, 48))[0])
    (first, _) = shown(path, image_px=(16, 16), crop_px=[36, 60, 28, 28])
    assert np.abs(first - whole[2]).max() < 20
    with pytest.raises(BadInputError, match=r"leaves the picture of 64 x 96 pixels.*video.crop_px"):
        shown(path, image_px=(16, 16), crop_px=[0, 0, 96, 64])


def test_pixels_of_an_absurd_shape_are_refused(tmp_path):
    path = write_stamped(tmp_path / "a.mkv", [0, 0.1], aspect="17")
    with pytest.raises(BadInputError, match=r"pixels 17 times as wide as high, expected at most 16.*setsar=1"):
        shown(path, image_px=(16, 16))


@pytest.mark.parametrize("crop_px", [None, [24, 18, 48, 36]])
def test_a_change_of_resolution_in_the_middle_keeps_the_shape(tmp_path, crop_px):
    """Coded streams one behind the other, as a network camera writes them when its setting changes."""
    parts = []
    for start_s, size in ((1, (96, 72)), (2, (64, 48)), (3, (72, 72))):
        options = {"options": {"bf": "0"}, "file_options": {"output_ts_offset": str(start_s)}}
        pictures = {"pictures": [disc(*size)] * 10, "size": size}
        parts.append(
            write_stamped(tmp_path / "part.ts", [k / 10 for k in range(10)], **pictures, **options).read_bytes()
        )
    path = tmp_path / "all.ts"
    path.write_bytes(b"".join(parts))
    found = shown(path, image_px=(48, 36), crop_px=crop_px)
    assert len(found) >= 26
    half = 18 if crop_px is None else 36
    wide = [(grey > 130).any(axis=0).sum() for grey in (found[0], found[12], found[-1])]
    high = [(grey > 130).any(axis=1).sum() for grey in (found[0], found[12], found[-1])]
    # A square picture fills the grid by its width: the disc is a third larger, and its crop fills the grid.
    large = [24, 24] if crop_px is None else [48, 36]
    assert wide == pytest.approx([half, half, large[0]], abs=2)
    assert high == pytest.approx([half, half, large[1]], abs=2)


def test_the_pictures_of_another_decoder_come_out(make_video):
    path = make_video(num_frames=30, step_px=3)
    capture = cv2.VideoCapture(str(path))
    reference = [capture.read()[1][..., ::-1].astype(float) for _ in range(30)]
    fit = PictureFitter(path, image_px=(48, 36), crop_px=None)
    for number, item in enumerate(read_pictures(inspect_video(path), PictureCount(), back_s=1.0)):
        picture = rgb_of_planar(np.ascontiguousarray(fit(item)), (48, 36))
        differences = [np.abs(frame.reshape(36, 2, 48, 2, 3).mean(axis=(1, 3)) - picture).mean() for frame in reference]
        assert int(np.argmin(differences)) == number
        assert min(differences) < 3
    assert number == 29
