"""Declare a PDE once; solve it with neural networks and classical methods; know how far each can be trusted."""

from pinnlab.condition import Condition as Condition
from pinnlab.condition import dirichlet as dirichlet
from pinnlab.condition import flux as flux
from pinnlab.condition import initial as initial
from pinnlab.condition import initial_rate as initial_rate
from pinnlab.condition import neumann as neumann
from pinnlab.condition import robin as robin
from pinnlab.domain.base import Domain as Domain
from pinnlab.domain.box import Box as Box
from pinnlab.domain.evolution import Evolution as Evolution
from pinnlab.domain.evolution import TimeInterval as TimeInterval
from pinnlab.errors import IncompatibleData as IncompatibleData
from pinnlab.errors import SolveFailed as SolveFailed
from pinnlab.errors import UnsupportedProblem as UnsupportedProblem
from pinnlab.problem import Problem as Problem
from pinnlab.symbols import D as D
from pinnlab.symbols import div as div
from pinnlab.symbols import grad as grad
from pinnlab.symbols import laplacian as laplacian
from pinnlab.symbols import normal as normal
from pinnlab.symbols import parameter as parameter
