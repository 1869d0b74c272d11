"""Declare a PDE once; solve it with neural networks and classical methods; know how far each can be trusted.

The names of declarations are there at once; what needs torch is loaded when it is first named, since torch takes
longer to load than most problems to declare.
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

from pinnlab.condition import Condition as Condition
from pinnlab.condition import dirichlet as dirichlet
from pinnlab.condition import flux as flux
from pinnlab.condition import initial as initial
from pinnlab.condition import initial_rate as initial_rate
from pinnlab.condition import neumann as neumann
from pinnlab.condition import robin as robin
from pinnlab.domain.base import Domain as Domain
from pinnlab.domain.box import Box as Box
from pinnlab.domain.combination import Difference as Difference
from pinnlab.domain.combination import Intersection as Intersection
from pinnlab.domain.combination import Union as Union
from pinnlab.domain.evolution import Evolution as Evolution
from pinnlab.domain.evolution import TimeInterval as TimeInterval
from pinnlab.domain.mesh_domain import MeshDomain as MeshDomain
from pinnlab.domain.shapes import Ball as Ball
from pinnlab.domain.shapes import Disk as Disk
from pinnlab.domain.shapes import Polygon as Polygon
from pinnlab.errors import IncompatibleData as IncompatibleData
from pinnlab.errors import SolveFailed as SolveFailed
from pinnlab.errors import UnsupportedProblem as UnsupportedProblem
from pinnlab.family import Family as Family
from pinnlab.problem import Problem as Problem
from pinnlab.symbols import D as D
from pinnlab.symbols import div as div
from pinnlab.symbols import grad as grad
from pinnlab.symbols import laplacian as laplacian
from pinnlab.symbols import normal as normal
from pinnlab.symbols import parameter as parameter

if TYPE_CHECKING:
    from pinnlab.compare import Comparison as Comparison
    from pinnlab.compare import compare as compare
    from pinnlab.discretization.collocation import Chebyshev as Chebyshev
    from pinnlab.discretization.collocation import FiniteDifferences as FiniteDifferences
    from pinnlab.field import ExactField as ExactField
    from pinnlab.field import Field as Field
    from pinnlab.field import Grid as Grid
    from pinnlab.fields.mesh import MeshField as MeshField
    from pinnlab.forms.ansatz import Hard as Hard
    from pinnlab.forms.ansatz import Soft as Soft
    from pinnlab.networks.activations import Sine as Sine
    from pinnlab.networks.activations import Swish as Swish
    from pinnlab.networks.activations import Tanh as Tanh
    from pinnlab.networks.mlp import Mlp as Mlp
    from pinnlab.numerics.automatic import Automatic as Automatic
    from pinnlab.numerics.automatic import Lsoda as Lsoda
    from pinnlab.numerics.implicit import Bdf2 as Bdf2
    from pinnlab.numerics.implicit import Theta as Theta
    from pinnlab.numerics.integrators import Bdf as Bdf
    from pinnlab.numerics.integrators import Dop853 as Dop853
    from pinnlab.numerics.integrators import Radau as Radau
    from pinnlab.numerics.riemann import Hll as Hll
    from pinnlab.numerics.riemann import Hllem as Hllem
    from pinnlab.numerics.riemann import LaxFriedrichs as LaxFriedrichs
    from pinnlab.numerics.tase import ModifiedSinglyTase as ModifiedSinglyTase
    from pinnlab.numerics.tase import SinglyTase as SinglyTase
    from pinnlab.numerics.weno import Muscl as Muscl
    from pinnlab.numerics.weno import Weno5 as Weno5
    from pinnlab.reference import cross_check as cross_check
    from pinnlab.reference import reference as reference
    from pinnlab.reference import refine as refine
    from pinnlab.solution import ErrorBound as ErrorBound
    from pinnlab.solution import Solution as Solution
    from pinnlab.solve import Progress as Progress
    from pinnlab.solve import solve as solve
    from pinnlab.solver import Method as Method
    from pinnlab.solver import Solver as Solver
    from pinnlab.solver import Status as Status
    from pinnlab.solvers.collocation import Collocation as Collocation
    from pinnlab.solvers.deepxde_pinn import DeepxdePinn as DeepxdePinn
    from pinnlab.solvers.etdrk4 import Etdrk4 as Etdrk4
    from pinnlab.solvers.finite_element import FiniteElement as FiniteElement
    from pinnlab.solvers.finite_volume import ExplicitDiffusion as ExplicitDiffusion
    from pinnlab.solvers.finite_volume import FiniteVolume as FiniteVolume
    from pinnlab.solvers.finite_volume import ImplicitDiffusion as ImplicitDiffusion
    from pinnlab.solvers.method_of_lines import MethodOfLines as MethodOfLines
    from pinnlab.solvers.ode import Ode as Ode
    from pinnlab.solvers.pinn import Pinn as Pinn
    from pinnlab.support import support as support
    from pinnlab.training.adam import Adam as Adam
    from pinnlab.training.lbfgs import Lbfgs as Lbfgs
    from pinnlab.training.levenberg_marquardt import GeodesicAcceleration as GeodesicAcceleration
    from pinnlab.training.levenberg_marquardt import LevenbergMarquardt as LevenbergMarquardt
    from pinnlab.training.levenberg_marquardt import NoCorrection as NoCorrection
    from pinnlab.training.row_jacobian import LayerOuterProducts as LayerOuterProducts
    from pinnlab.training.row_jacobian import PerPoint as PerPoint
    from pinnlab.training.samplers import ResidualAdaptive as ResidualAdaptive
    from pinnlab.training.samplers import Sobol as Sobol
    from pinnlab.training.samplers import Uniform as Uniform
    from pinnlab.training.weighting import FixedWeights as FixedWeights

_LATER = {
    "Chebyshev": "pinnlab.discretization.collocation",
    "FiniteDifferences": "pinnlab.discretization.collocation",
    "compare": "pinnlab.compare",
    "Comparison": "pinnlab.compare",
    "ExactField": "pinnlab.field",
    "Field": "pinnlab.field",
    "Grid": "pinnlab.field",
    "Hard": "pinnlab.forms.ansatz",
    "Soft": "pinnlab.forms.ansatz",
    "MeshField": "pinnlab.fields.mesh",
    "Sine": "pinnlab.networks.activations",
    "Swish": "pinnlab.networks.activations",
    "Tanh": "pinnlab.networks.activations",
    "Mlp": "pinnlab.networks.mlp",
    "Automatic": "pinnlab.numerics.automatic",
    "Lsoda": "pinnlab.numerics.automatic",
    "Bdf2": "pinnlab.numerics.implicit",
    "Theta": "pinnlab.numerics.implicit",
    "Bdf": "pinnlab.numerics.integrators",
    "Dop853": "pinnlab.numerics.integrators",
    "Radau": "pinnlab.numerics.integrators",
    "Hll": "pinnlab.numerics.riemann",
    "Hllem": "pinnlab.numerics.riemann",
    "LaxFriedrichs": "pinnlab.numerics.riemann",
    "ModifiedSinglyTase": "pinnlab.numerics.tase",
    "SinglyTase": "pinnlab.numerics.tase",
    "Muscl": "pinnlab.numerics.weno",
    "Weno5": "pinnlab.numerics.weno",
    "cross_check": "pinnlab.reference",
    "reference": "pinnlab.reference",
    "refine": "pinnlab.reference",
    "ErrorBound": "pinnlab.solution",
    "Solution": "pinnlab.solution",
    "Progress": "pinnlab.solve",
    "solve": "pinnlab.solve",
    "Method": "pinnlab.solver",
    "Solver": "pinnlab.solver",
    "Status": "pinnlab.solver",
    "Collocation": "pinnlab.solvers.collocation",
    "DeepxdePinn": "pinnlab.solvers.deepxde_pinn",
    "Etdrk4": "pinnlab.solvers.etdrk4",
    "FiniteElement": "pinnlab.solvers.finite_element",
    "ExplicitDiffusion": "pinnlab.solvers.finite_volume",
    "FiniteVolume": "pinnlab.solvers.finite_volume",
    "ImplicitDiffusion": "pinnlab.solvers.finite_volume",
    "MethodOfLines": "pinnlab.solvers.method_of_lines",
    "Ode": "pinnlab.solvers.ode",
    "Pinn": "pinnlab.solvers.pinn",
    "support": "pinnlab.support",
    "Adam": "pinnlab.training.adam",
    "Lbfgs": "pinnlab.training.lbfgs",
    "GeodesicAcceleration": "pinnlab.training.levenberg_marquardt",
    "LevenbergMarquardt": "pinnlab.training.levenberg_marquardt",
    "NoCorrection": "pinnlab.training.levenberg_marquardt",
    "LayerOuterProducts": "pinnlab.training.row_jacobian",
    "PerPoint": "pinnlab.training.row_jacobian",
    "ResidualAdaptive": "pinnlab.training.samplers",
    "Sobol": "pinnlab.training.samplers",
    "Uniform": "pinnlab.training.samplers",
    "FixedWeights": "pinnlab.training.weighting",
}


class _Package(ModuleType):
    """The package, with the names in `_LATER` looked up when they are first used."""

    def __getattr__(self, name: str) -> Any:
        if name not in _LATER:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        value = getattr(import_module(_LATER[name]), name)
        self.__dict__[name] = value
        return value

    def __setattr__(self, name: str, value: Any) -> None:
        # Importing the module pinnlab.solve must not hide the function of the same name behind it.
        if _LATER.get(name) == f"{self.__name__}.{name}" and isinstance(value, ModuleType):
            return
        super().__setattr__(name, value)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *_LATER})


sys.modules[__name__].__class__ = _Package
