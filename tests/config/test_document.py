import json
import subprocess
import sys

from detach_core.config.document import Document
from detach_core.config.load import load_config
from detach_core.config.variants import COMMON
from detach_core.methods.registry import DETACH_STAGE_1, METHODS


def test_the_configuration_holds_every_method_and_no_other(data):
    assert (
        set(data["methods"]) <= set(METHODS) - {DETACH_STAGE_1} == {one["method"] for one in data["variants"].values()}
    )


def test_shared_sections_are_sections_of_the_document():
    assert set(COMMON) <= set(Document.model_fields)


def test_importing_the_configuration_is_light(root):
    code = (
        "import sys, json; before = set(sys.modules); import detach_core.config;"
        "from detach_core.config import schema, yaml_file; from detach_core.workflow import code_digest;"
        "print(json.dumps(sorted(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in json.loads(done.stdout)}
    assert not loaded & {"torch", "numpy", "h5py", "pandas", "cv2", "av", "sklearn", "scipy", "snakemake"}


def test_loading_leaves_the_given_mapping_as_it_was(data):
    before = json.dumps(data)
    load_config(data)
    assert json.dumps(data) == before


def test_ordered_dicts_of_snakemake_are_taken(data):
    from collections import OrderedDict

    load_config(OrderedDict(data))
