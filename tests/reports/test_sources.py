import pytest

from detach_core.foundation.errors import ContractError
from detach_core.reports.tables import refuse_mixed_sources


def test_one_source_passes():
    refuse_mixed_sources(["a", "b"], ["simulated", "simulated"])
    refuse_mixed_sources([], [])


def test_simulated_and_real_data_are_refused_and_both_files_named():
    with pytest.raises(
        ContractError, match=r"b/metrics.json: source: found local, expected simulated, as in a/metrics.json"
    ):
        refuse_mixed_sources(["a/metrics.json", "b/metrics.json"], ["simulated", "local"])
