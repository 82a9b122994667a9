from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from detach_core import __version__
from detach_core.contracts.lists import FigureRow, ListRow
from detach_core.foundation.errors import UserError
from detach_core.reports.lists import facts_of, list_facts, write_list

FACTS = list_facts(source="simulated", splits=["a", "a"], protocols=["paper", ""], seeds=[0, 1], commits=["c"])


@dataclass(frozen=True)
class Row(ListRow):
    schema = "test.rows/1"

    name: str
    count: int
    maybe_count: int | None
    value: float
    maybe_value: float | None
    maybe_flag: bool | None
    maybe_name: str | None
    numbers: tuple[float, ...]


TYPES = {
    "name": "string",
    "count": "int64",
    "maybe_count": "int64",
    "value": "double",
    "maybe_value": "double",
    "maybe_flag": "bool",
    "maybe_name": "string",
    "numbers": "list<element: double>",
}


def frame(**changes):
    columns = {
        "name": ["a", "b"],
        "count": [1, 2**53 + 1],
        "maybe_count": [3, None],
        "value": [0.1, 1 / 3],
        "maybe_value": [None, 0.5],
        "maybe_flag": [None, True],
        "maybe_name": [None, "x"],
        "numbers": [np.array([0.1, 0.2]), [0.3]],
    }
    return pd.DataFrame(columns | changes)


def test_one_line_of_pandas_gives_values_types_and_provenance_back(tmp_path):
    write_list(tmp_path / "a.parquet", frame(), Row, FACTS)
    found = pd.read_parquet(tmp_path / "a.parquet")
    assert found["count"].tolist() == [1, 2**53 + 1]
    assert found["value"].tolist() == [0.1, 1 / 3]
    assert (found["maybe_count"].dtype, found["maybe_flag"].dtype) == ("Int64", "boolean")
    assert found["maybe_count"][0] == 3
    missing = found.isna().sum()
    assert missing[missing > 0].to_dict() == dict.fromkeys(
        ("maybe_count", "maybe_value", "maybe_flag", "maybe_name"), 1
    )
    assert [list(one) for one in found["numbers"]] == [[0.1, 0.2], [0.3]]
    assert found.attrs == {
        "schema": "test.rows/1",
        "source": "simulated",
        "splits": ["a"],
        "protocols": ["paper"],
        "seeds": ["0", "1"],
        "commits": ["c"],
        "version": __version__,
    }


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"maybe_count": None, "maybe_value": None, "maybe_flag": None, "maybe_name": None},
        {"maybe_count": [1, 2], "maybe_flag": [True, False], "maybe_value": [1, 2]},
        {"value": [1, 2], "count": np.array([1, 2], dtype=np.int32), "numbers": [[], []]},
    ],
)
def test_a_columns_type_and_missing_values_do_not_depend_on_the_other_values(tmp_path, changes):
    path = tmp_path / "a.parquet"
    for rows in (2, 0):
        write_list(path, frame(**changes).head(rows), Row, FACTS)
        assert {field.name: str(field.type) for field in pq.read_schema(path)} == TYPES
    write_list(path, frame(**changes), Row, FACTS)
    table = pq.read_table(path)
    expected = frame(**changes)
    assert {name: table[name].null_count for name in TYPES} == {name: expected[name].isna().sum() for name in TYPES}


def test_an_absent_column_is_nulls_where_it_may_be_and_columns_stand_in_the_rows_order(tmp_path):
    lacking = frame().drop(columns=["maybe_count", "maybe_flag"])[
        ["numbers", *list(TYPES)[:2], *list(TYPES)[3:5], "maybe_name"]
    ]
    write_list(tmp_path / "a.parquet", lacking, Row, FACTS)
    found = pd.read_parquet(tmp_path / "a.parquet")
    assert list(found) == list(TYPES)
    assert found["maybe_flag"].isna().all()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (frame(other=1), r"does not have: \['other'\]"),
        (frame().drop(columns="value"), r"missing: \['value'\]"),
        (frame(count=[1, None]), "count.*null"),
        (frame(name=["a", None]), "name.*null"),
        (frame(value=[1, None]), "value.*null"),
        (frame(count=[1.5, 2]), "count"),
        (frame(maybe_count=[1.5, None]), "int64"),
        (frame(name=[1, 2]), "name"),
        (frame(value=["a", "b"]), "value"),
    ],
)
def test_a_frame_that_is_not_the_list_is_refused_and_nothing_is_written(tmp_path, wrong, words):
    with pytest.raises(ValueError, match=words):
        write_list(tmp_path / "a.parquet", wrong, Row, FACTS)
    assert list(tmp_path.iterdir()) == []


def test_the_same_frame_gives_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        write_list(tmp_path / f"{name}.parquet", frame(), Row, FACTS)
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()


def test_a_figures_columns_have_the_frames_types_and_its_attrs_stay_out(tmp_path):
    plotted = pd.DataFrame(
        {"x": np.array([1, 2], dtype=np.float32), "n": [1, 2], "class": ["a", "b"], "nothing": [None, None]}
    )
    plotted.attrs["pictures"] = object()
    write_list(tmp_path / "a.parquet", plotted, FigureRow, FACTS)
    types = {field.name: str(field.type) for field in pq.read_schema(tmp_path / "a.parquet")}
    assert {name: types[name] for name in ("x", "n", "nothing")} == {"x": "float", "n": "int64", "nothing": "double"}
    found = pd.read_parquet(tmp_path / "a.parquet")
    assert found["class"].tolist() == ["a", "b"]
    assert found.attrs["schema"] == "detach.figure/1"
    assert "pictures" in plotted.attrs


def test_a_users_column_of_several_types_is_one_sentence(tmp_path):
    with pytest.raises(UserError, match="a column with values of several types") as error:
        write_list(tmp_path / "a.parquet", pd.DataFrame({"x": [1, "a"]}), FigureRow, FACTS)
    assert "\n" not in str(error.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("column", ["split", "splits"])
def test_a_tables_provenance_comes_from_its_columns(column):
    table = pd.DataFrame(
        {
            "source": "local",
            column: ["a b", "b"],
            "protocol": ["paper", "by_subject"],
            "seeds": ["0 1", "0 1"],
            "commit": ["x", "y x"],
        }
    )
    assert facts_of(table) == {
        "source": "local",
        "splits": ["a", "b"],
        "protocols": ["paper", "by_subject"],
        "seeds": ["0", "1"],
        "commits": ["x", "y"],
        "version": __version__,
    }
