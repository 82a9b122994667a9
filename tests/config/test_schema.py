import jsonschema
import pytest

from detach_core.config.schema import SCHEMA_PATH, config_schema, schema_text
from detach_core.config.yaml_file import read_yaml


@pytest.fixture(scope="module")
def validator():
    return jsonschema.Draft202012Validator(config_schema())


def test_the_committed_schema_is_in_sync(root):
    text = (root / SCHEMA_PATH).read_text()
    assert text == schema_text(), "run: ./run python -m detach_core.config.schema"


def test_the_schema_accepts_the_configuration_and_every_overlay(root, validator):
    paths = [root / "config.yaml", *sorted((root / "config").glob("*.yaml"))]
    assert len(paths) == 9
    for path in paths:
        assert list(validator.iter_errors(read_yaml(path))) == [], path


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("methods.detach.hardness", 0.5),
        ("methods.detach.hardnes", 3.0),
        ("spatial.other", {"cluster": 3}),
        ("variants.x", {"method": "detach", "hardness": 0.5}),
        ("datasets.opportunity.video.working_hz", "5"),
    ],
)
def test_the_schema_refuses_what_the_configuration_refuses(set_key, validator, path, value):
    assert list(validator.iter_errors(set_key(path, value)))
