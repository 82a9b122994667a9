from __future__ import annotations

import h5py
import numpy as np
import pytest

from detach_core.contracts.hdf5 import all_finite, create_artifact, create_stream, open_artifact, write_json, write_rows
from detach_core.contracts.provenance import make_provenance
from detach_core.foundation.errors import ContractError

SCHEMA = "detach.test/1"


@pytest.fixture
def artifact(tmp_path):
    path = tmp_path / "test.h5"
    with create_artifact(
        path, schema=SCHEMA, provenance=make_provenance(stage="a", source="local", settings={})
    ) as file:
        file["values"] = np.array([[1.0, np.nan]], np.float32)
        create_stream(file, "stream", (3, 2), "uint8")[...] = [[1, 2], [3, 4], [5, 6]]
        file.create_dataset("chunked", data=np.zeros((4, 2), np.uint8), chunks=(2, 2))
        file["table"] = np.zeros(2, dtype=[("start_s", "f8"), ("label", "i4")])
        file.create_group("group").attrs["count"] = 3
        file.attrs["rate"] = np.nan
        write_json(file, names=["a", "b"], numbers=[1, 2])
        file.attrs["text"] = "not JSON"
    return path


def refusal(path, action):
    with open_artifact(path, schema=SCHEMA, rule="pack") as reader, pytest.raises(ContractError) as error:
        action(reader)
    assert "rerun the rule `pack`" in str(error.value)
    return str(error.value)


def test_what_was_written_is_read(artifact):
    with open_artifact(artifact, schema=SCHEMA, rule="pack") as reader:
        assert reader.dataset("values", dtype="float32", shape=(None, 2)).shape == (1, 2)
        assert reader.attribute("count", int, "group") == 3
        assert reader.attribute("count", float, "group") == 3.0
        assert reader.names("names") == ("a", "b")
        assert reader.provenance().stage == "a"


def test_a_stream_is_mapped_and_stays_readable_after_the_file_is_closed(artifact):
    with open_artifact(artifact, schema=SCHEMA, rule="pack") as reader:
        stream = reader.stream("stream", dtype="uint8", shape=(None, 2))
    assert isinstance(stream, np.memmap)
    assert stream.tolist() == [[1, 2], [3, 4], [5, 6]]
    with pytest.raises(ValueError, match="read-only"):
        stream[0] = 0


@pytest.mark.parametrize(
    ("action", "parts"),
    [
        (lambda reader: reader.dataset("no", dtype="float32", shape=(1, 2)), ["no", "found nothing"]),
        (lambda reader: reader.dataset("group", dtype="float32", shape=(1, 2)), ["group", "found a group"]),
        (lambda reader: reader.dataset("values", dtype="float64", shape=(1, 2)), ["found float32", "expected float64"]),
        (lambda reader: reader.dataset("values", dtype="float32", shape=(None, 3)), ["(1, 2)", "(any, 3)"]),
        (lambda reader: reader.dataset("values", dtype="float32", shape=(None,)), ["(1, 2)", "(any)"]),
        (lambda reader: reader.dataset("values", dtype="float32", shape=(1, 2), finite=True), ["values", "NaN"]),
        (lambda reader: reader.dataset("table", dtype="table", shape=(2,), parts=("start_s",)), ["a table of start_s"]),
        (lambda reader: reader.stream("chunked", dtype="uint8", shape=(4, 2)), ["a contiguous dataset"]),
        (lambda reader: reader.attribute("no", str), ["/@no", "found nothing"]),
        (lambda reader: reader.attribute("no", str, "nowhere"), ["nowhere@no", "found nothing"]),
        (lambda reader: reader.attribute("count", str, "group"), ["group@count", "expected str"]),
        (lambda reader: reader.attribute("rate", float), ["/@rate", "expected float"]),
        (lambda reader: reader.json("text", list), ["/@text", "expected JSON"]),
        (lambda reader: reader.json("names", dict), ["/@names", "a JSON dict"]),
        (lambda reader: reader.names("numbers"), ["/@numbers", "a JSON list of strings"]),
    ],
)
def test_what_is_not_as_agreed_is_refused_by_name(artifact, action, parts):
    message = refusal(artifact, action)
    for part in parts:
        assert part in message


def test_another_schema_is_refused(artifact):
    with h5py.File(artifact, "r+") as file:
        file.attrs["schema"] = "detach.test/2"
    with (
        pytest.raises(ContractError, match=r"found detach.test/2, expected detach.test/1"),
        open_artifact(artifact, schema=SCHEMA, rule="pack"),
    ):
        pass


def test_a_broken_provenance_is_refused(artifact):
    with h5py.File(artifact, "r+") as file:
        file.attrs["provenance"] = "{}"
    assert "a provenance record" in refusal(artifact, lambda reader: reader.provenance())


def test_a_missing_file_and_a_file_of_another_kind_are_refused(tmp_path):
    with (
        pytest.raises(ContractError, match=r"found nothing.*rule `flow`"),
        open_artifact(tmp_path / "no.h5", schema=SCHEMA, rule="flow"),
    ):
        pass
    (tmp_path / "text.h5").write_text("text")
    with (
        pytest.raises(ContractError, match="expected an HDF5 file"),
        open_artifact(tmp_path / "text.h5", schema=SCHEMA, rule="flow"),
    ):
        pass


def test_nothing_is_left_when_writing_fails(tmp_path):
    def write():
        with create_artifact(tmp_path / "a.h5", schema=SCHEMA, provenance=None) as file:
            file["values"] = [1]
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write()
    assert list(tmp_path.iterdir()) == []


def test_attributes_may_be_longer_than_64_kib(tmp_path):
    names = [f"recording-{number:06d}" for number in range(10_000)]
    with create_artifact(tmp_path / "a.h5", schema=SCHEMA, provenance=None) as file:
        write_json(file, names=names)
    with open_artifact(tmp_path / "a.h5", schema=SCHEMA, rule="pack") as reader:
        assert list(reader.names("names")) == names


@pytest.mark.parametrize("row", [0, 4095, 4096, 9999])
def test_a_lost_value_is_found_wherever_it_is(tmp_path, row):
    values = np.zeros((10_000, 2))
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["good"] = values
        values[row, 1] = np.inf
        file["bad"] = values
        assert all_finite(file["good"])
        assert not all_finite(file["bad"])


@pytest.mark.parametrize("length", [1, 63, 64, 65, 200])
def test_rows_are_written_in_order_whatever_their_number(tmp_path, length):
    first = np.arange(3 * length).reshape(length, 3)
    second = -np.arange(length)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        stored = [create_stream(file, "a", (length, 3), "int64"), create_stream(file, "b", (length,), "int64")]
        write_rows(stored, zip(first, second, strict=True))
        np.testing.assert_array_equal(stored[0], first)
        np.testing.assert_array_equal(stored[1], second)


@pytest.mark.parametrize(("length", "rows"), [(5, 4), (5, 6), (64, 63), (64, 65), (128, 200), (3, 0)])
def test_too_few_and_too_many_rows_are_refused(tmp_path, length, rows):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        stored = create_stream(file, "a", (length,), "int64")
        with pytest.raises(ValueError, match="rows"):
            write_rows([stored], ([np.asarray(row, np.int64)] for row in range(rows)))
