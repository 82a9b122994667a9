from __future__ import annotations

import hashlib
import io
import threading
import zipfile
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml

from detach_core.acquisition.settings import DownloadSettings
from detach_core.contracts.provenance import canonical_json
from detach_core.contracts.raw_files import read_download_manifest
from detach_core.settings.base import from_plain
from detach_core.stages.download import download

CONFIG = yaml.safe_load((Path(__file__).resolve().parents[2] / "config.yaml").read_text())
NATIVE = {"sensor_glob": ["**/{recording}.csv"], "video_glob": ["**/{recording}.mp4"]}


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


@pytest.fixture
def served(tmp_path, monkeypatch):
    """A folder and the address under which a loopback server gives it out."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / "served"
    folder.mkdir()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder)) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield folder, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def zip_of(*names):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(name, name)
    return buffer.getvalue()


@pytest.fixture
def run(tmp_path):
    def run(*files, recordings=("tea_s01",), adapter="hwu_usp", native=NATIVE, **changes):
        section = {
            "files": list(files),
            "max_unpacked_gb": 0.001,
            "max_entries": 50,
            "attempts": 2,
            "backoff_s": 0.01,
            "max_backoff_s": 0.01,
            "timeout_s": 1.0,
            "max_hours": 0.01,
        }
        settings = {
            "dataset": "home",
            "adapter": adapter,
            "recordings": list(recordings),
            "native": native,
            "download": section | changes,
        }
        download(
            settings=canonical_json(settings),
            root_path=tmp_path / "root",
            manifest_path=tmp_path / "root" / "download.json",
            log_path=tmp_path / "download.log",
        )
        return read_download_manifest(tmp_path / "root" / "download.json")

    return run


def refused(tmp_path):
    """What the log of a run that ended with a clear message says."""
    assert not (tmp_path / "root" / "download.json").exists()
    text = (tmp_path / "download.log").read_text()
    assert "Traceback" not in text
    return text


def test_files_and_archives_come_and_the_manifest_lists_them(tmp_path, served, run):
    folder, address = served
    (folder / "sensors.zip").write_bytes(zip_of("ambient/tea/tea_s01.csv", "readme.txt"))
    (folder / "tea.mp4").write_bytes(b"video")
    sha256 = hashlib.sha256(b"video").hexdigest()
    manifest = run(
        {"url": f"{address}/sensors.zip", "path": "sensors", "sha256": None, "unpack": True},
        {"url": f"{address}/tea.mp4", "path": "rgb/tea_s01.mp4", "sha256": sha256, "unpack": False},
    )
    assert [file.path for file in manifest.files] == [
        "rgb/tea_s01.mp4",
        "sensors/ambient/tea/tea_s01.csv",
        "sensors/readme.txt",
    ]
    for file in manifest.files:
        content = (tmp_path / "root" / file.path).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (file.bytes, file.sha256)
    assert manifest.files[0].url == f"{address}/tea.mp4"
    assert manifest.provenance.stage == "download"
    assert manifest.provenance.source == "downloaded"
    assert "2 of 2" in (tmp_path / "download.log").read_text()


def test_a_second_run_needs_no_server_and_gives_the_same_manifest(served, run):
    folder, address = served
    (folder / "all.zip").write_bytes(zip_of("tea_s01.csv", "tea_s01.mp4"))
    entry = {"url": f"{address}/all.zip", "path": "all", "sha256": None, "unpack": True}
    first = run(entry)
    (folder / "all.zip").unlink()
    assert run(entry) == first


def test_sensors_without_videos_end_in_a_message_that_names_the_place_of_the_videos(tmp_path, served, run):
    folder, address = served
    (folder / "uci.zip").write_bytes(zip_of("dataset/S1-Drill.txt"))
    native = {"sensor_glob": ["**/{recording}.txt"], "video_glob": ["**/{recording}.mp4"]}
    entry = {"url": f"{address}/uci.zip", "path": "uci", "sha256": None, "unpack": True}
    with pytest.raises(SystemExit):
        run(entry, recordings=["S1-Drill"], adapter="opportunity", native=native)
    message = refused(tmp_path)
    assert "S1-Drill: video file like **/S1-Drill.mp4" in message
    assert "ieee-dataport.org" in message
    assert "login" in message
    assert "UCI gives out the sensors only" in message
    assert "source: local" in message
    assert (tmp_path / "root/uci/dataset/S1-Drill.txt").exists()


def test_a_wrong_sum_a_missing_file_and_an_empty_plan_each_end_in_one_line(tmp_path, served, run):
    folder, address = served
    (folder / "a.mp4").write_bytes(b"video")
    entry = {"url": f"{address}/a.mp4", "path": "a.mp4", "sha256": "0" * 64, "unpack": False}
    for files, words in (
        ([entry], "sha256"),
        ([entry | {"url": f"{address}/gone"}], "404"),
        ([], "download.files: found no entry"),
    ):
        with pytest.raises(SystemExit):
            run(*files)
        assert words in refused(tmp_path)


@pytest.mark.parametrize("dataset", ["opportunity", "hwu_usp"])
def test_the_shipped_config_holds_every_key_that_the_stage_reads(dataset):
    section = CONFIG["datasets"][dataset]["download"]
    entry = {"url": "https://example.org/a.zip", "path": "a", "sha256": None, "unpack": True}
    assert from_plain(DownloadSettings, section | {"files": [entry]}).max_bytes > 0
