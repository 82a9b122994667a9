from typing import get_args

from detach_core.config.claims import Claim
from detach_core.reports.claims import MEASURES


def test_every_measure_of_the_config_is_a_function_and_no_other():
    sections = get_args(get_args(Claim)[0])
    named = {name for section in sections for name in get_args(section.model_fields["measure"].annotation)}
    assert named == set(MEASURES)
