from detach_core.acquisition.settings import DownloadSettings


def test_limits_are_told_in_bytes_and_seconds():
    limits = DownloadSettings(max_unpacked_gb=0.25, max_hours=2)
    assert (limits.max_bytes, limits.limit_s) == (250_000_000, 7200)
