import numpy as np
import pytest
from PIL import Image

from detach_core.foundation.errors import UserError
from detach_core.reports.pages import SCALES, write_small_picture


@pytest.fixture
def noise(tmp_path):
    """A picture that compresses badly."""
    path = tmp_path / "noise.png"
    pixels = np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def width_of(path):
    with Image.open(path) as picture:
        return picture.width


def test_a_picture_is_as_large_as_the_limit_allows(noise, tmp_path):
    sizes = {}
    for limit in (60_000, 30_000, 12_000):
        write_small_picture(noise, tmp_path / "small.png", max_bytes=limit)
        assert (tmp_path / "small.png").stat().st_size <= limit
        sizes[limit] = width_of(tmp_path / "small.png")
    assert sizes[60_000] == round(SCALES[0] * 400)
    assert sizes[60_000] > sizes[30_000] > sizes[12_000]


def test_equal_pictures_give_equal_bytes(noise, tmp_path):
    for name in ("a", "b"):
        write_small_picture(noise, tmp_path / f"{name}.png", max_bytes=60_000)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_what_is_transparent_turns_white(tmp_path):
    Image.new("RGBA", (40, 40), (0, 0, 0, 0)).save(tmp_path / "clear.png")
    write_small_picture(tmp_path / "clear.png", tmp_path / "small.png", max_bytes=10_000)
    with Image.open(tmp_path / "small.png") as picture:
        assert picture.convert("RGB").getpixel((5, 5)) == (255, 255, 255)


def test_a_picture_that_no_scale_makes_small_enough_is_refused(noise, tmp_path):
    with pytest.raises(UserError, match=r"noise\.png: size: found \d+ bytes at 25% of its width, expected at most 500"):
        write_small_picture(noise, tmp_path / "small.png", max_bytes=500)
    assert not (tmp_path / "small.png").exists()
