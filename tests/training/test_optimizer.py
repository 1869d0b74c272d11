import math

import pytest

from pinnlab.training.optimizer import require_positive


@pytest.mark.parametrize("value", [0, -1.0, math.inf, math.nan])
def test_a_setting_that_is_not_positive_is_named_with_its_owner(value):
    with pytest.raises(ValueError, match=r"list: steps = .*positive"):
        require_positive([], damping=1.0, steps=value)


def test_positive_settings_pass():
    require_positive([], damping=1e-300, steps=1)
