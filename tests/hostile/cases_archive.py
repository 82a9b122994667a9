"""Archives, fetched from a loopback server and unpacked by the stage `download`."""

from __future__ import annotations

import bz2
import gzip
import io
import os
import stat
import tarfile
import threading
import zipfile
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

from detach_core.contracts.provenance import canonical_json
from detach_core.contracts.raw_files import read_download_manifest
from detach_core.stages.download import download

MAX_GB, MAX_ENTRIES = 0.001, 50
WRONG_SUM = "0" * 64
KEPT = ("data/.all.archive", "data/..all.archive.fetched.json")


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


class Server(ThreadingHTTPServer):
    def handle_error(self, *arguments):
        """A client that has seen enough hangs up."""


def fetch(root, *, sha256=None, path="all", unpack=True):
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        os.environ.pop(name, None)
    with Server(("127.0.0.1", 0), partial(Quiet, directory=root / "served")) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/all.zip"
        patience = {"attempts": 2, "backoff_s": 0.01, "max_backoff_s": 0.01, "timeout_s": 5.0, "max_hours": 0.01}
        files = [{"url": url, "path": path, "sha256": sha256, "unpack": unpack}]
        section = {"files": files, "max_unpacked_gb": MAX_GB, "max_entries": MAX_ENTRIES, **patience}
        native = {"sensor_glob": ["**/{recording}.csv"], "video_glob": ["**/{recording}.mp4"]}
        named = {"dataset": "home", "adapter": "hwu_usp", "recordings": ["tea_s01"]}
        settings = canonical_json(named | {"native": native, "download": section})
        manifest = root / "data" / "download.json"
        try:
            download(settings=settings, root_path=root / "data", manifest_path=manifest, log_path=root / "stage.log")
        finally:
            server.shutdown()
    return read_download_manifest(manifest)


def case(name, make, *, refused=None, handled=None, leaves=(), **options):
    def build(root):
        (root / "served").mkdir()
        (root / "served" / "all.zip").write_bytes(make())

    if refused:
        refused = rf"(\.all\.archive|all\.zip): {refused}"
    reads = ("read_download_manifest",) if handled else ()
    return {
        "name": f"archive: {name}",
        "group": "archive",
        "build": build,
        "call": partial(fetch, **options),
        "refused": refused,
        "handled": handled,
        "leaves": leaves,
        "reads": reads,
    }


def zip_of(*members, compression=zipfile.ZIP_STORED):
    """A zip of (name or ZipInfo, content) pairs."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return buffer.getvalue()


def named(name):
    return lambda: zip_of(("tea_s01.csv", b"1"), (name, b"2"))


def zip_with_mode(mode, data=b"/etc/passwd"):
    entry = zipfile.ZipInfo("link")
    entry.create_system, entry.external_attr = 3, mode << 16
    return zip_of((entry, data))


def tar_of(*entries):
    """A tar of (name, type, link target, content) entries."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, kind, target, data in entries:
            info = tarfile.TarInfo(name)
            info.type, info.linkname, info.size = kind, target, len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def special(kind, target=""):
    return lambda: tar_of(("a.csv", tarfile.REGTYPE, "", b"1"), ("b", kind, target, b""))


def twice():
    data = zip_of(("tea_s01.csv", b"1"), ("tea_s01.csx", b"2"))
    return data.replace(b"tea_s01.csx", b"tea_s01.csv")


def encrypted():
    data = bytearray(zip_of(("tea_s01.csv", b"1")))
    data[data.index(b"PK\x01\x02") + 8] |= 1
    return bytes(data)


def wrong_content():
    return zip_of(("tea_s01.csv", b"what was packed")).replace(b"what was packed", b"what lies there")


def with_zero_byte():
    return zip_of(("tea_s01X.csv", b"1")).replace(b"tea_s01X.csv", b"tea_s01\0.csv")


def padded_with_eight_gigabytes():
    """A sound tar whose end of zeros is packed to next to nothing; reading it all would take a minute."""
    # A packed stream may be followed by others.
    return bz2.compress(tar_of(("tea_s01.csv", tarfile.REGTYPE, "", b"1"))) + bz2.compress(bytes(1 << 22), 9) * 2000


def headers_without_end():
    """Extended headers, each of 15 MB and each within bounds, before an entry that never comes."""
    text = b"comment=" + bytes(15_000_000).replace(b"\0", b"x") + b"\n"
    text = b"%d " % (len(text) + 9) + text
    info = tarfile.TarInfo("pax")
    info.type, info.size = tarfile.XHDTYPE, len(text)
    return gzip.compress(info.tobuf() + text + bytes(-len(text) % 512), 9) * 40


def says_a_terabyte():
    info = tarfile.TarInfo("tea_s01.csv")
    info.size = 1 << 40
    return info.tobuf(tarfile.GNU_FORMAT) + b"1" * 5000


SOUND = (("tea_s01.csv", b"1"), ("tea_s01.mp4", b"2"))


def both_files(root, manifest):
    assert [file.path for file in manifest.files] == ["all/tea_s01.csv", "all/tea_s01.mp4"]
    assert not list(root.rglob("*.partial"))


def inside_its_folder(root, manifest):
    assert [file.path for file in manifest.files] == ["all/x/tea_s01.csv", "all/x/tea_s01.mp4"]
    assert not (root / "data" / "all" / "x" / "tea_s01.csv").stat().st_mode & stat.S_ISUID


def setuid_files():
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, data in SOUND:
            info = tarfile.TarInfo(f"./x/{name}")
            info.mode, info.uid, info.size = 0o4777, 0, len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


OUTSIDE = "found a path that leads outside"
CASES = [
    case("a name that leads outside", named("../evil.csv"), refused=f"'../evil.csv': {OUTSIDE}"),
    case("a name that leads outside on its way", named("a/../../evil.csv"), refused=f"'a/../../evil.csv': {OUTSIDE}"),
    case("an absolute name", named("/tmp/evil.csv"), refused="'/tmp/evil.csv': found an absolute path"),
    case("a drive letter", named("C:evil.csv"), refused="'C:evil.csv': found an absolute path"),
    case("a backslash", named("..\\evil.csv"), refused=r"'\.\..*evil.csv': found a backslash"),
    case(
        "a line break in a name", named("a\nERROR b.csv"), refused=r"'a\\nERROR b.csv': found a backslash or a control"
    ),
    case("a zero byte in a name", with_zero_byte, refused=".*(zero|control character|differ)"),
    case("a name longer than any disk takes", named("x" * 5000), refused="'xxx.*: found a name that is too long"),
    case(
        "a path deeper than any disk takes", named("d/" * 3000 + "x"), refused="'d/d.*: found a name that is too long"
    ),
    case("a name twice", twice, refused="'tea_s01.csv': found a second entry"),
    case("a file where a folder is", lambda: zip_of(("a", b"1"), ("a/b", b"2")), refused="'a/b': found a second entry"),
    case("a link in a zip", lambda: zip_with_mode(stat.S_IFLNK), refused="'archive': found 'link', a link or a device"),
    case(
        "a symbolic link", special(tarfile.SYMTYPE, "/etc/passwd"), refused="'archive': found 'b', a link or a device"
    ),
    case("a hard link", special(tarfile.LNKTYPE, "a.csv"), refused="'archive': found 'b', a link or a device"),
    case("a device", special(tarfile.CHRTYPE), refused="'archive': found 'b', a link or a device"),
    case("a pipe", special(tarfile.FIFOTYPE), refused="'archive': found 'b', a link or a device"),
    case(
        "a bomb of one file",
        lambda: zip_of(("tea_s01.csv", bytes(200_000_000)), compression=zipfile.ZIP_DEFLATED),
        refused="archive: found more than 0.001 GB",
        leaves=KEPT,
    ),
    case(
        "a bomb of many entries",
        lambda: zip_of(*((f"{k}", b"") for k in range(2000))),
        refused="archive: found more than 50 entries",
        leaves=KEPT,
    ),
    case(
        "a bomb behind the end",
        padded_with_eight_gigabytes,
        refused="'archive': found data behind the archive's end",
    ),
    case("a bomb of headers", headers_without_end, refused="'archive': found more than [0-9]+ bytes of headers"),
    case("a terabyte, it says", says_a_terabyte, refused="('archive'|'tea_s01.csv'): found"),
    case("an encrypted file", encrypted, refused="'archive': found 'tea_s01.csv', an encrypted file"),
    case("content that its sum denies", wrong_content, refused="'tea_s01.csv': found Bad CRC-32"),
    case(
        "cut off",
        lambda: gzip.compress(tar_of(("tea_s01.csv", tarfile.REGTYPE, "", os.urandom(200_000))))[:100_000],
        refused="('archive'|'tea_s01.csv'): found",
    ),
    case("a cut zip", lambda: zip_of(*SOUND)[:-30], refused="'archive': found"),
    case("a web page", lambda: b"<!DOCTYPE html><title>Log in</title>", refused="'archive': found a web page"),
    case("no file in it", lambda: zip_of(("folder/", b"")), refused="archive: found no file"),
    case(
        "another sum than the config says",
        lambda: zip_of(*SOUND),
        refused="sha256: found [0-9a-f]{64}",
        sha256=WRONG_SUM,
    ),
    case(
        "a single file of another sum",
        lambda: b"1",
        refused="sha256: found [0-9a-f]{64}",
        sha256=WRONG_SUM,
        path="tea_s01.csv",
        unpack=False,
    ),
    case(
        "a single file beyond the limit",
        lambda: bytes(2_000_000),
        refused="found 2000000 bytes, expected at most 0.001 GB",
        path="tea_s01.csv",
        unpack=False,
    ),
    case("owners and modes", setuid_files, handled=inside_its_folder),
    case("sound", lambda: zip_of(*SOUND), handled=both_files),
]
