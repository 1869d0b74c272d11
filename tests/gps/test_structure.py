"""Which algebra suits."""

import sympy as sp

from pinnlab import Box, D, Disk, Problem, dirichlet
from pinnlab.gps.gram import Dense
from pinnlab.gps.kronecker import Kronecker
from pinnlab.gps.placement import NodeGrid, Scattered
from pinnlab.gps.prior import Prior
from pinnlab.gps.structure import suitable
from pinnlab.gps.weight_space import WeightSpace
from pinnlab.numerics.kernels import Matern
from pinnlab.numerics.line_spectrum import LineSpectrum

x, y = sp.symbols("x y", real=True)
u = sp.Function("u")(x, y)


def poisson(domain):
    return Problem(
        name="p", equations=[D(u, x, 2) + D(u, y, 2) - 1], unknowns=[u], domain=domain, conditions=[dirichlet(u, 0)]
    )


def prior(top):
    return Prior((LineSpectrum.harmonics(0.0, 1.0, top),) * 2, (1.0,))


def test_few_weights_are_solved_directly_many_on_a_box_by_axes_and_rough_kernels_densely():
    box, disk = Box({x: (0, 1), y: (0, 1)}), Disk({x: 0.5, y: 0.5}, radius=0.5, name="rim")
    assert suitable(poisson(box), prior(30.0), NodeGrid()) == (WeightSpace(),)
    assert suitable(poisson(box), prior(300.0), NodeGrid()) == (Kronecker(), WeightSpace())
    assert suitable(poisson(box), prior(300.0), Scattered(10)) == (WeightSpace(),)
    assert suitable(poisson(disk), prior(300.0), NodeGrid()) == (WeightSpace(),)
    assert suitable(poisson(box), Prior((Matern(0.1), Matern(0.1)), (1.0,)), NodeGrid()) == (Dense(),)
