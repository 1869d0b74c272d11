"""Solvers: one file, one method; independent of each other."""

from pinnlab.solvers.causal_pinn import CausalPinn as CausalPinn
from pinnlab.solvers.collocation import Collocation as Collocation
from pinnlab.solvers.deepxde_pinn import DeepxdePinn as DeepxdePinn
from pinnlab.solvers.ehrenpreis_gp import EhrenpreisGp as EhrenpreisGp
from pinnlab.solvers.etdrk4 import Etdrk4 as Etdrk4
from pinnlab.solvers.finite_element import FiniteElement as FiniteElement
from pinnlab.solvers.finite_volume import FiniteVolume as FiniteVolume
from pinnlab.solvers.lagrangian_pinn import LagrangianPinn as LagrangianPinn
from pinnlab.solvers.method_of_lines import MethodOfLines as MethodOfLines
from pinnlab.solvers.neural_galerkin import NeuralGalerkin as NeuralGalerkin
from pinnlab.solvers.ode import Ode as Ode
from pinnlab.solvers.pinn import Pinn as Pinn
from pinnlab.solvers.random_features import RandomFeatures as RandomFeatures
from pinnlab.solvers.spectral_gp import SpectralGp as SpectralGp
from pinnlab.solvers.widened_pinn import WidenedPinn as WidenedPinn
