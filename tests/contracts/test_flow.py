from __future__ import annotations

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detach_core.contracts.frames import compand, create_flow, flow_table, read_flow
from detach_core.contracts.provenance import make_provenance
from detach_core.foundation.errors import ContractError

PROVENANCE = make_provenance(stage="flow", source="simulated", settings={})
FLOW = np.random.default_rng(0).integers(-127, 128, (6, 3, 4, 2)).astype(np.int8)


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "flow.h5"
    with create_flow(
        path, max_px=16, working_hz=5, image_px=[4, 3], method="dis fast", provenance=PROVENANCE
    ) as writer:
        writer.add_recording("S1-Drill", num_frames=6)[...] = FLOW
    return path


def test_what_was_written_is_read_through_a_memory_map(path):
    found = read_flow(path)
    assert (found.max_px, found.working_hz, found.image_px, found.method) == (16.0, 5.0, (4, 3), "dis fast")
    assert isinstance(found.streams["S1-Drill"], np.memmap)
    np.testing.assert_array_equal(found.streams["S1-Drill"], FLOW)


def test_the_code_is_the_printed_formula():
    for value in (-20.0, -16.0, -1.0, -0.003, 0.0, 0.001, 0.1, 2.5, 16.0, 99.0):
        clipped = min(abs(value), 16.0)
        expected = round(np.sign(value) * np.sqrt(clipped / 16.0) * 127)
        assert compand(np.array([value], np.float32), 16.0)[0] == expected


def test_the_table_undoes_the_code_for_every_code():
    table = flow_table(16.0)
    assert table.shape == (256,)
    assert table.dtype == np.float32
    codes = np.arange(-127, 128)
    np.testing.assert_array_equal(compand(table[codes + 128], 16.0), codes)
    np.testing.assert_array_equal(table[1:], -table[:0:-1])
    assert (table[128], table[255], table[1], table[0]) == (0.0, 16.0, -16.0, -16.0)


@given(value=st.floats(-16, 16, width=32))
def test_the_error_is_at_most_half_a_step_of_the_square_root(value):
    code = int(compand(np.array([value], np.float32), 16.0)[0])
    decoded = float(flow_table(16.0)[code + 128])
    root, found = (abs(x) ** 0.5 * np.sign(x) for x in (value, decoded))
    assert abs(root - found) <= 4.0 / 127 / 2 + 1e-5


@pytest.mark.parametrize("values", [FLOW.astype(np.int16), FLOW[..., :1], FLOW[:, :2]])
def test_a_changed_stream_is_named(path, values):
    with h5py.File(path, "r+") as file:
        del file["S1-Drill/flow"]
        file["S1-Drill/flow"] = values
    with pytest.raises(ContractError, match=r"S1-Drill/flow.*rerun the rule `flow`"):
        read_flow(path)


@pytest.mark.parametrize("field", ["max_px", "working_hz", "image_px", "method", "provenance"])
def test_a_missing_attribute_is_named(path, field):
    with h5py.File(path, "r+") as file:
        del file.attrs[field]
    with pytest.raises(ContractError, match=f"/@{field}"):
        read_flow(path)


def test_a_scale_of_zero_is_refused(path):
    with h5py.File(path, "r+") as file:
        file.attrs["max_px"] = 0.0
    with pytest.raises(ContractError, match=r"/@max_px: found 0.0"):
        read_flow(path)
