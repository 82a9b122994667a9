from typing import get_args

from detach_core.evaluation.claims import MEASURES
from detach_core.evaluation.settings import AnyClaimSettings
from detach_core.settings.base import field_types


def test_every_measure_of_the_config_is_a_function_and_no_other():
    kinds = get_args(AnyClaimSettings)
    named = {name for kind in kinds for name in get_args(field_types(kind)["measure"])}
    assert named == set(MEASURES)
