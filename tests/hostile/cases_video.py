"""Videos, through the stage `extract_frames`."""

from __future__ import annotations

import os
import struct
from fractions import Fraction

import av
import cv2
import numpy as np

from detach_core.contracts.frames import read_frames
from detach_core.stages.extract_frames import extract_frames
from tests.fixtures.native_files import OpportunityFolder, write_video

RUN = "S1-Drill"
FILE = r"S1-Drill\.mp4: "


def extract(root):
    paths = {"root_path": root, "frames_path": root / "out" / "frames.h5", "log_path": root / "stage.log"}
    settings = OpportunityFolder(root).settings("extract_frames")
    extract_frames(dataset="opportunity", settings=settings, recordings=[RUN], **paths)
    return read_frames(paths["frames_path"]).streams[RUN]


def video_path(root):
    path = OpportunityFolder(root).video_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    OpportunityFolder(root).sensor_path().touch()
    return path


def case(name, build, *, refused=None, handled=None):
    reads = ("opportunity", "read_frames") if handled else ("opportunity",)
    refused = refused and FILE + refused
    return {
        "name": f"video: {name}",
        "group": "video",
        "build": build,
        "call": extract,
        "refused": refused,
        "handled": handled,
        "reads": reads,
    }


def sound(root, **changes):
    path = video_path(root)
    write_video(path, **{"num_frames": 40, "hz": 10, **changes})
    return path


def patched(change, **options):
    def build(root):
        path = sound(root, **options)
        path.write_bytes(change(path.read_bytes()))

    return build


def content(data):
    return lambda root: video_path(root).write_bytes(data)


def stamped(seconds, container="mp4"):
    """A video whose frame i is shown at `seconds[i]`."""

    def build(root):
        with av.open(str(video_path(root)), "w", format=container) as file:
            stream = file.add_stream("mjpeg" if container == "matroska" else "mpeg4", rate=10)
            stream.width, stream.height = 96, 72
            stream.pix_fmt = "yuvj420p" if container == "matroska" else "yuv420p"
            stream.codec_context.time_base = Fraction(1, 1000)
            for number, second in enumerate(seconds):
                picture = np.full((72, 96, 3), number * 6 % 255, np.uint8)
                frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
                frame.pts, frame.time_base = round(1000 * second), Fraction(1, 1000)
                file.mux(stream.encode(frame))
            file.mux(stream.encode())

    return build


def pixel_aspect(width):
    """A video whose pixels are `width` times as wide as high."""

    def build(root):
        source = sound(root).rename(root / "square.mp4")
        with av.open(str(source)) as old, av.open(str(video_path(root)), "w") as new:
            stream = new.add_stream_from_template(old.streams.video[0])
            stream.codec_context.sample_aspect_ratio = Fraction(width)
            for packet in old.demux(video=0):
                if packet.size:
                    packet.stream = stream
                    new.mux(packet)

    return build


def no_frame(root):
    with av.open(str(video_path(root)), "w", format="avi") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 96, 72, "yuv420p"
        container.mux(stream.encode())
        container.start_encoding()


def sound_alone(root):
    with av.open(str(video_path(root)), "w") as container:
        stream = container.add_stream("aac", rate=16000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 16000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())


def turned(data, entries=(0, 1 << 16, -1 << 16, 0)):
    """The container's matrix says how the picture is to be shown: turned by 90 degrees."""
    matrix = data.index(b"tkhd") + 4 + 4 + 20 + 8 + 8
    a, b, c, d = entries
    turn = struct.pack(">9i", a, b, 0, c, d, 0, 72 << 16, 0, 1 << 30)
    return data[:matrix] + turn + data[matrix + 36 :]


def count_of_frames(data, count):
    place = data.index(b"stsz") + 12
    return data[:place] + struct.pack(">I", count) + data[place + 4 :]


def damaged_middle(data):
    start = data.index(b"mdat") + 2000
    noise = np.random.default_rng(0).bytes(4000)
    return data[:start] + noise + data[start + len(noise) :]


def size_of_picture(data, width, height):
    place = data.index(b"mp4v", data.index(b"stsd")) + 28
    return data[:place] + struct.pack(">HH", width, height) + data[place + 4 :]


def playlist_of_a_neighbour(root):
    path = sound(root)
    path.rename(path.with_name("secret.mp4"))
    path.write_text("ffconcat version 1.0\nfile secret.mp4\n")


def still_picture(root):
    _, picture = cv2.imencode(".png", np.zeros((72, 96, 3), np.uint8))
    video_path(root).write_bytes(picture.tobytes())


def pipe(root):
    os.mkfifo(video_path(root))


def shape_is(*shape):
    def check(root, stream):
        assert stream.rgb.shape == shape
        assert stream.rgb.std() > 1

    return check


def all_frames_came(root, stream):
    assert stream.rgb.shape == (20, 36, 48, 3)


def damage_was_left_out(root, stream):
    assert stream.rgb.shape == (20, 36, 48, 3)
    assert stream.timing.damaged > 0
    assert stream.timing.damaged + stream.timing.pictures <= 40


HLS = b"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n"
SDP = (
    b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 9999 RTP/AVP 96\na=rtpmap:96 H264/90000\n"
)
EVEN = np.arange(40) / 10
CASES = [
    case("empty", content(b""), refused="file: found an empty file"),
    case("a text", content(b"this is no video\n" * 1000), refused="file: found a file that cannot be opened"),
    case(
        "random bytes",
        content(np.random.default_rng(0).bytes(100_000)),
        refused="file: found a file that cannot be opened",
    ),
    case(
        "cut off before its index",
        patched(lambda b: b[: len(b) // 2]),
        refused="file: found a file that cannot be opened",
    ),
    case("an .avi cut off", lambda root: cut_avi(root), refused="(length|frame [0-9]+): found"),
    case("no frame", no_frame, refused="(video stream: found no frames|file: found something)"),
    case("sound alone", sound_alone, refused="container: found no video stream"),
    case(
        "a codec that nobody knows",
        patched(
            lambda b: b[: b.index(b"stsd")] + b[b.index(b"stsd") :].replace(b"mp4v", b"zzzz").replace(b"esds", b"zzzz")
        ),
        refused="video stream: found a picture of no known codec",
    ),
    case(
        "another codec than it says",
        patched(
            lambda b: b[: b.index(b"stsd")] + b[b.index(b"stsd") :].replace(b"mp4v", b"avc1").replace(b"esds", b"zzzz")
        ),
        refused="(frame 0|length|video stream): found",
    ),
    case(
        "half as many frames a second",
        lambda root: sound(root, hz=5),
        handled=shape_is(40, 36, 48, 3),
    ),
    case(
        "a varying rate",
        stamped(np.cumsum([0.02] * 20 + [0.18] * 20) - 0.02),
        handled=shape_is(21, 36, 48, 3),
    ),
    case(
        "a rate that trembles", stamped(EVEN + np.random.default_rng(0).uniform(0, 0.04, 40)), handled=all_frames_came
    ),
    case("a picture to be turned", patched(turned), handled=all_frames_came),
    case(
        "a picture to be sheared",
        patched(lambda b: turned(b, (40000, 40000, -40000, 40000))),
        refused="picture: found a picture to be sheared by the matrix",
    ),
    case("a matrix of nothing", patched(lambda b: turned(b, (0, 0, 0, 0))), handled=all_frames_came),
    case(
        "stamps of a week", stamped([0, 0.1, 604_800], "matroska"), refused="time stamps: found 168 h without pictures"
    ),
    case(
        "stamps of ten thousand years",
        stamped([0, 0.1, 3e11], "matroska"),
        refused="time stamps: found [0-9]+ h without pictures",
    ),
    case(
        "pixels as wide as a house", pixel_aspect(10_000), refused="picture: found pixels 10000 times as wide as high"
    ),
    case(
        "4K where little was promised",
        lambda root: sound(root, size=(3840, 2160), num_frames=6),
        handled=shape_is(3, 36, 48, 3),
    ),
    case(
        "a picture forty times as wide as high",
        lambda root: sound(root, size=(2048, 50), num_frames=4),
        handled=shape_is(2, 36, 48, 3),
    ),
    case("a header of no size", patched(lambda b: size_of_picture(b, 0, 0)), handled=all_frames_came),
    case(
        "a header of four thousand million frames",
        patched(lambda b: count_of_frames(b, 2**32 - 1)),
        refused="(file|length|frame [0-9]+|video stream): found",
    ),
    case(
        "fewer frames than the header says",
        patched(lambda b: count_of_frames(b, 80)),
        refused="(file|length|frame [0-9]+|video stream): found",
    ),
    case("noise in the middle", patched(damaged_middle), handled=damage_was_left_out),
    case(
        "a playlist that names another file",
        playlist_of_a_neighbour,
        refused="file: found a file that cannot be opened",
    ),
    case("a playlist that names an address", content(HLS), refused="file: found a file that cannot be opened"),
    case("an invitation to listen", content(SDP), refused="file: found a file that cannot be opened"),
    case("a still picture", still_picture, refused="file: found a file that cannot be opened"),
    case("a pipe", pipe, refused="file: found nothing"),
    case("a folder", lambda root: folder_instead(root), refused=""),
]


def cut_avi(root):
    path = video_path(root)
    write_video(path.with_suffix(".avi"), num_frames=80, hz=10)
    data = path.with_suffix(".avi").read_bytes()
    path.with_suffix(".avi").unlink()
    path.write_bytes(data[: len(data) // 2])


def folder_instead(root):
    video_path(root).mkdir()


CASES[-1]["refused"] = r"recording S1-Drill: found .*expected one file like \*\*/S1-Drill\.mp4"
