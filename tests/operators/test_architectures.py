"""Settings of networks from files."""

from __future__ import annotations

import json
import pkgutil
from importlib import import_module

import pytest

import pinnlab.networks
from pinnlab.networks.activations import Activation
from pinnlab.networks.architecture import Architecture
from pinnlab.networks.fno import Fno
from pinnlab.networks.given import Given
from pinnlab.networks.operator import ContinuousArchitecture, OperatorArchitecture
from pinnlab.networks.position_channels import NoPositions, PositionChannels
from pinnlab.operators.architectures import MODULES, architectures
from pinnlab.settings import describe, rebuild


def test_settings_and_the_settings_inside_are_found():
    described = describe(Fno(modes=(3, 4), positions=NoPositions()))
    known = architectures(described)
    assert known == {"Fno": Fno, "NoPositions": NoPositions}
    assert rebuild(described, known) == Fno(modes=(3, 4), positions=NoPositions())


@pytest.mark.parametrize("name", MODULES)
def test_every_name_is_that_of_settings_that_survive_a_file(name):
    kind = getattr(import_module(MODULES[name]), name)
    assert isinstance(kind(), OperatorArchitecture | PositionChannels | Architecture | Activation)
    described = json.loads(json.dumps(describe(kind())))
    assert rebuild(described, architectures(described)) == kind()


def test_no_network_of_pinnlabs_own_is_forgotten():
    modules = [import_module(f"pinnlab.networks.{m.name}") for m in pkgutil.iter_modules(pinnlab.networks.__path__)]
    found = {
        v for m in modules for v in vars(m).values() if isinstance(v, type) and issubclass(v, OperatorArchitecture)
    }
    assert {kind.__name__ for kind in found - {OperatorArchitecture, ContinuousArchitecture, Given}} <= set(MODULES)


def test_what_is_not_pinnlabs_own_is_refused():
    with pytest.raises(ValueError, match=r"no operator network 'Popen' in pinnlab.*network="):
        architectures({"type": "Fno", "modes": [{"type": "Popen"}]})
