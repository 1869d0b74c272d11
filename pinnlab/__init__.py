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
from pinnlab.errors import KeptKink as KeptKink
from pinnlab.errors import SolveFailed as SolveFailed
from pinnlab.errors import UnsupportedProblem as UnsupportedProblem
from pinnlab.family import Family as Family
from pinnlab.known import known as known
from pinnlab.problem import Problem as Problem
from pinnlab.symbols import D as D
from pinnlab.symbols import div as div
from pinnlab.symbols import grad as grad
from pinnlab.symbols import laplacian as laplacian
from pinnlab.symbols import normal as normal
from pinnlab.symbols import parameter as parameter
from pinnlab.symbols import unknown_function as unknown_function

if TYPE_CHECKING:
    from pinnlab.compare import Comparison as Comparison
    from pinnlab.compare import compare as compare
    from pinnlab.datasets.data import OperatorData as OperatorData
    from pinnlab.datasets.origin import Origin as Origin
    from pinnlab.discretization.collocation import Chebyshev as Chebyshev
    from pinnlab.discretization.collocation import FiniteDifferences as FiniteDifferences
    from pinnlab.field import ExactField as ExactField
    from pinnlab.field import Field as Field
    from pinnlab.field import Grid as Grid
    from pinnlab.fields.mesh import MeshField as MeshField
    from pinnlab.flow import FieldFlow as FieldFlow
    from pinnlab.flow import Flow as Flow
    from pinnlab.forms.ansatz import Hard as Hard
    from pinnlab.forms.ansatz import Soft as Soft
    from pinnlab.forms.point_symmetries import point_symmetries as point_symmetries
    from pinnlab.forms.point_symmetry import PointSymmetry as PointSymmetry
    from pinnlab.gps.gram import Dense as Dense
    from pinnlab.gps.iterative import Iterative as Iterative
    from pinnlab.gps.kronecker import Kronecker as Kronecker
    from pinnlab.gps.layers import Layer as Layer
    from pinnlab.gps.placement import GivenPoints as GivenPoints
    from pinnlab.gps.placement import NodeGrid as NodeGrid
    from pinnlab.gps.placement import Scattered as Scattered
    from pinnlab.gps.sparse import SparseCholesky as SparseCholesky
    from pinnlab.gps.spectral_measures import GaussianMeasure as GaussianMeasure
    from pinnlab.gps.spectral_measures import SparseMeasure as SparseMeasure
    from pinnlab.gps.spectrum import FoundSpectrum as FoundSpectrum
    from pinnlab.gps.uncertain import Uncertain as Uncertain
    from pinnlab.gps.weight_space import WeightSpace as WeightSpace
    from pinnlab.integral import Integral as Integral
    from pinnlab.networks.activations import Sine as Sine
    from pinnlab.networks.activations import Swish as Swish
    from pinnlab.networks.activations import Tanh as Tanh
    from pinnlab.networks.affine import Affine as Affine
    from pinnlab.networks.deeponet import DeepOnet as DeepOnet
    from pinnlab.networks.embedding import FourierFeatures as FourierFeatures
    from pinnlab.networks.embedding import Harmonics as Harmonics
    from pinnlab.networks.factorized import Factorized as Factorized
    from pinnlab.networks.fno import Fno as Fno
    from pinnlab.networks.given import Given as Given
    from pinnlab.networks.latent_evolution import LatentEvolution as LatentEvolution
    from pinnlab.networks.latent_spectral import LatentSpectral as LatentSpectral
    from pinnlab.networks.message_passing import MessagePassing as MessagePassing
    from pinnlab.networks.mlp import Mlp as Mlp
    from pinnlab.networks.modified_mlp import ModifiedMlp as ModifiedMlp
    from pinnlab.networks.multi_stage import MultiStage as MultiStage
    from pinnlab.networks.operator import OperatorArchitecture as OperatorArchitecture
    from pinnlab.networks.operator import OperatorNetwork as OperatorNetwork
    from pinnlab.networks.operator import Signature as Signature
    from pinnlab.networks.periodic_waves import PeriodicWaves as PeriodicWaves
    from pinnlab.networks.pirate_net import PirateNet as PirateNet
    from pinnlab.networks.pod_deeponet import PodDeepOnet as PodDeepOnet
    from pinnlab.networks.position_channels import Coordinates as Coordinates
    from pinnlab.networks.position_channels import NoPositions as NoPositions
    from pinnlab.networks.siren import Siren as Siren
    from pinnlab.networks.staggered import Staggered as Staggered
    from pinnlab.networks.tfno import Tfno as Tfno
    from pinnlab.networks.transolver import Transolver as Transolver
    from pinnlab.networks.unet import UNet as UNet
    from pinnlab.networks.widened import Widened as Widened
    from pinnlab.neural_flow_map import NeuralFlowMap as NeuralFlowMap
    from pinnlab.neural_flow_map import learn_flow_map as learn_flow_map
    from pinnlab.numerics.additive_runge_kutta import DormandPrince as DormandPrince
    from pinnlab.numerics.additive_runge_kutta import ImexRungeKutta as ImexRungeKutta
    from pinnlab.numerics.additive_runge_kutta import ImplicitMidpoint as ImplicitMidpoint
    from pinnlab.numerics.additive_runge_kutta import RungeKutta4 as RungeKutta4
    from pinnlab.numerics.additive_runge_kutta import Sdirk as Sdirk
    from pinnlab.numerics.automatic import Automatic as Automatic
    from pinnlab.numerics.automatic import Lsoda as Lsoda
    from pinnlab.numerics.implicit import Bdf2 as Bdf2
    from pinnlab.numerics.implicit import Theta as Theta
    from pinnlab.numerics.integrators import Bdf as Bdf
    from pinnlab.numerics.integrators import Dop853 as Dop853
    from pinnlab.numerics.integrators import Radau as Radau
    from pinnlab.numerics.jets import Fastest as Fastest
    from pinnlab.numerics.jets import jets as jets
    from pinnlab.numerics.kernels import Matern as Matern
    from pinnlab.numerics.kernels import SpectralMixture as SpectralMixture
    from pinnlab.numerics.kernels import SquaredExponential as SquaredExponential
    from pinnlab.numerics.kernels import StudentMixture as StudentMixture
    from pinnlab.numerics.nested import NestedAutograd as NestedAutograd
    from pinnlab.numerics.riemann import Hll as Hll
    from pinnlab.numerics.riemann import Hllem as Hllem
    from pinnlab.numerics.riemann import LaxFriedrichs as LaxFriedrichs
    from pinnlab.numerics.tase import ModifiedSinglyTase as ModifiedSinglyTase
    from pinnlab.numerics.tase import SinglyTase as SinglyTase
    from pinnlab.numerics.taylor import TaylorMode as TaylorMode
    from pinnlab.numerics.weno import Muscl as Muscl
    from pinnlab.numerics.weno import Weno5 as Weno5
    from pinnlab.observations import Observations as Observations
    from pinnlab.operators.augmentation import PeriodicShift as PeriodicShift
    from pinnlab.operators.augmentation import Reflection as Reflection
    from pinnlab.operators.augmentation import Transposition as Transposition
    from pinnlab.operators.covariant import Covariant as Covariant
    from pinnlab.operators.fine_tuning import FineTuning as FineTuning
    from pinnlab.operators.generate import generate as generate
    from pinnlab.operators.growth import IncrementalModes as IncrementalModes
    from pinnlab.operators.learning import OperatorLearning as OperatorLearning
    from pinnlab.operators.learning import train as train
    from pinnlab.operators.lie_symmetry import LieSymmetry as LieSymmetry
    from pinnlab.operators.normalisation import PointwiseGaussian as PointwiseGaussian
    from pinnlab.operators.normalisation import UnitGaussian as UnitGaussian
    from pinnlab.operators.normalisation import Unnormalised as Unnormalised
    from pinnlab.operators.operator_solver import OperatorSolver as OperatorSolver
    from pinnlab.operators.pairs import AllToAll as AllToAll
    from pinnlab.operators.pairs import Bundled as Bundled
    from pinnlab.operators.pairs import OneStep as OneStep
    from pinnlab.operators.pairs import SolutionMap as SolutionMap
    from pinnlab.operators.pictures import plot_prediction as plot_prediction
    from pinnlab.operators.residual_loss import ResidualLoss as ResidualLoss
    from pinnlab.operators.space_time import SpaceTime as SpaceTime
    from pinnlab.operators.spectral_operator import SpectralOperator as SpectralOperator
    from pinnlab.operators.spectral_operator import train_without_data as train_without_data
    from pinnlab.operators.symmetry_residual import symmetry_residual as symmetry_residual
    from pinnlab.operators.trained import TrainedOperator as TrainedOperator
    from pinnlab.operators.unrolled import Pushforward as Pushforward
    from pinnlab.operators.unrolled import Rollout as Rollout
    from pinnlab.pinn_ensemble import solve_ensemble as solve_ensemble
    from pinnlab.pinns.moving import AllParameters as AllParameters
    from pinnlab.pinns.moving import OutputLayer as OutputLayer
    from pinnlab.plots.samples import plot_answer as plot_answer
    from pinnlab.plots.samples import plot_sample as plot_sample
    from pinnlab.posterior import Posterior as Posterior
    from pinnlab.random_functions import NeumannField as NeumannField
    from pinnlab.random_functions import PeriodicField as PeriodicField
    from pinnlab.random_functions import TravellingSines as TravellingSines
    from pinnlab.random_functions import TwoPhase as TwoPhase
    from pinnlab.random_functions import WindowedSines as WindowedSines
    from pinnlab.random_sources import GaussianPulse as GaussianPulse
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
    from pinnlab.solvers.causal_pinn import CausalPinn as CausalPinn
    from pinnlab.solvers.collocation import Collocation as Collocation
    from pinnlab.solvers.deepxde_pinn import DeepxdePinn as DeepxdePinn
    from pinnlab.solvers.ehrenpreis_gp import EhrenpreisGp as EhrenpreisGp
    from pinnlab.solvers.etdrk4 import Etdrk4 as Etdrk4
    from pinnlab.solvers.finite_element import FiniteElement as FiniteElement
    from pinnlab.solvers.finite_volume import ExplicitDiffusion as ExplicitDiffusion
    from pinnlab.solvers.finite_volume import FiniteVolume as FiniteVolume
    from pinnlab.solvers.finite_volume import ImplicitDiffusion as ImplicitDiffusion
    from pinnlab.solvers.lagrangian_pinn import LagrangianPinn as LagrangianPinn
    from pinnlab.solvers.method_of_lines import MethodOfLines as MethodOfLines
    from pinnlab.solvers.neural_galerkin import NeuralGalerkin as NeuralGalerkin
    from pinnlab.solvers.ode import Ode as Ode
    from pinnlab.solvers.pinn import Pinn as Pinn
    from pinnlab.solvers.random_features import RandomFeatures as RandomFeatures
    from pinnlab.solvers.spectral_gp import SpectralGp as SpectralGp
    from pinnlab.solvers.widened_pinn import WidenedPinn as WidenedPinn
    from pinnlab.sparse_regression import SparseModel as SparseModel
    from pinnlab.sparse_regression import sparse_regression as sparse_regression
    from pinnlab.support import support as support
    from pinnlab.training.adam import Adam as Adam
    from pinnlab.training.adam_w import AdamW as AdamW
    from pinnlab.training.broyden_family import Bfgs as Bfgs
    from pinnlab.training.broyden_family import Broyden as Broyden
    from pinnlab.training.broyden_family import SelfScaledBfgs as SelfScaledBfgs
    from pinnlab.training.causal_gate import CausalGate as CausalGate
    from pinnlab.training.causal_weights import CausalWeights as CausalWeights
    from pinnlab.training.combination import ConFig as ConFig
    from pinnlab.training.compiled import Compiled as Compiled
    from pinnlab.training.energy_natural_gradient import EnergyNaturalGradient as EnergyNaturalGradient
    from pinnlab.training.energy_natural_gradient import Spring as Spring
    from pinnlab.training.estimate import Estimate as Estimate
    from pinnlab.training.last_layer import LastLayer as LastLayer
    from pinnlab.training.lbfgs import Lbfgs as Lbfgs
    from pinnlab.training.levenberg_marquardt import GeodesicAcceleration as GeodesicAcceleration
    from pinnlab.training.levenberg_marquardt import LevenbergMarquardt as LevenbergMarquardt
    from pinnlab.training.levenberg_marquardt import NoCorrection as NoCorrection
    from pinnlab.training.leverage import LeverageScore as LeverageScore
    from pinnlab.training.momentum_config import MomentumConFig as MomentumConFig
    from pinnlab.training.multi_adam import MultiAdam as MultiAdam
    from pinnlab.training.nys_newton_cg import NysNewtonCg as NysNewtonCg
    from pinnlab.training.point_weights import ResidualAttention as ResidualAttention
    from pinnlab.training.point_weights import SelfAdaptive as SelfAdaptive
    from pinnlab.training.precision import Autocast as Autocast
    from pinnlab.training.preconditioning import ColumnScaling as ColumnScaling
    from pinnlab.training.preconditioning import GramInverseRoot as GramInverseRoot
    from pinnlab.training.preconditioning import Preconditioned as Preconditioned
    from pinnlab.training.preconditioning import condition_number as condition_number
    from pinnlab.training.relative_loss import RelativeH1 as RelativeH1
    from pinnlab.training.relative_loss import RelativeL2 as RelativeL2
    from pinnlab.training.relative_loss import SumOfLosses as SumOfLosses
    from pinnlab.training.retaining_samplers import ResidualAdaptiveRefinement as ResidualAdaptiveRefinement
    from pinnlab.training.retaining_samplers import RetainResampleRelease as RetainResampleRelease
    from pinnlab.training.row_jacobian import LayerOuterProducts as LayerOuterProducts
    from pinnlab.training.row_jacobian import PerPoint as PerPoint
    from pinnlab.training.samplers import LatinHypercube as LatinHypercube
    from pinnlab.training.samplers import ResidualAdaptive as ResidualAdaptive
    from pinnlab.training.samplers import Sobol as Sobol
    from pinnlab.training.samplers import Uniform as Uniform
    from pinnlab.training.samplers import UniformGrid as UniformGrid
    from pinnlab.training.schedules import Cosine as Cosine
    from pinnlab.training.schedules import Halving as Halving
    from pinnlab.training.schedules import OneCycle as OneCycle
    from pinnlab.training.sketching import Sketched as Sketched
    from pinnlab.training.soap import Soap as Soap
    from pinnlab.training.ssbroyden import SelfScaledBroyden as SelfScaledBroyden
    from pinnlab.training.term_weights import GradientNorm as GradientNorm
    from pinnlab.training.term_weights import LearningRateAnnealing as LearningRateAnnealing
    from pinnlab.training.term_weights import NeuralTangentKernel as NeuralTangentKernel
    from pinnlab.training.weighting import Certificate as Certificate
    from pinnlab.training.weighting import FixedWeights as FixedWeights
    from pinnlab.windows import AdaptiveWindows as AdaptiveWindows
    from pinnlab.windows import EqualWindows as EqualWindows
    from pinnlab.windows import Fresh as Fresh
    from pinnlab.windows import GivenWindows as GivenWindows
    from pinnlab.windows import Warm as Warm

_LATER = {
    "compare": "pinnlab.compare",
    "Comparison": "pinnlab.compare",
    "OperatorData": "pinnlab.datasets.data",
    "Origin": "pinnlab.datasets.origin",
    "Chebyshev": "pinnlab.discretization.collocation",
    "FiniteDifferences": "pinnlab.discretization.collocation",
    "ExactField": "pinnlab.field",
    "Field": "pinnlab.field",
    "Grid": "pinnlab.field",
    "MeshField": "pinnlab.fields.mesh",
    "FieldFlow": "pinnlab.flow",
    "Flow": "pinnlab.flow",
    "Hard": "pinnlab.forms.ansatz",
    "Soft": "pinnlab.forms.ansatz",
    "point_symmetries": "pinnlab.forms.point_symmetries",
    "PointSymmetry": "pinnlab.forms.point_symmetry",
    "Dense": "pinnlab.gps.gram",
    "Iterative": "pinnlab.gps.iterative",
    "Kronecker": "pinnlab.gps.kronecker",
    "Layer": "pinnlab.gps.layers",
    "GivenPoints": "pinnlab.gps.placement",
    "NodeGrid": "pinnlab.gps.placement",
    "Scattered": "pinnlab.gps.placement",
    "SparseCholesky": "pinnlab.gps.sparse",
    "GaussianMeasure": "pinnlab.gps.spectral_measures",
    "SparseMeasure": "pinnlab.gps.spectral_measures",
    "FoundSpectrum": "pinnlab.gps.spectrum",
    "Uncertain": "pinnlab.gps.uncertain",
    "WeightSpace": "pinnlab.gps.weight_space",
    "Integral": "pinnlab.integral",
    "Sine": "pinnlab.networks.activations",
    "Swish": "pinnlab.networks.activations",
    "Tanh": "pinnlab.networks.activations",
    "Affine": "pinnlab.networks.affine",
    "DeepOnet": "pinnlab.networks.deeponet",
    "FourierFeatures": "pinnlab.networks.embedding",
    "Harmonics": "pinnlab.networks.embedding",
    "Factorized": "pinnlab.networks.factorized",
    "Fno": "pinnlab.networks.fno",
    "Given": "pinnlab.networks.given",
    "LatentEvolution": "pinnlab.networks.latent_evolution",
    "LatentSpectral": "pinnlab.networks.latent_spectral",
    "MessagePassing": "pinnlab.networks.message_passing",
    "Mlp": "pinnlab.networks.mlp",
    "ModifiedMlp": "pinnlab.networks.modified_mlp",
    "MultiStage": "pinnlab.networks.multi_stage",
    "OperatorArchitecture": "pinnlab.networks.operator",
    "OperatorNetwork": "pinnlab.networks.operator",
    "Signature": "pinnlab.networks.operator",
    "PeriodicWaves": "pinnlab.networks.periodic_waves",
    "PirateNet": "pinnlab.networks.pirate_net",
    "PodDeepOnet": "pinnlab.networks.pod_deeponet",
    "Coordinates": "pinnlab.networks.position_channels",
    "NoPositions": "pinnlab.networks.position_channels",
    "Siren": "pinnlab.networks.siren",
    "Staggered": "pinnlab.networks.staggered",
    "Tfno": "pinnlab.networks.tfno",
    "Transolver": "pinnlab.networks.transolver",
    "UNet": "pinnlab.networks.unet",
    "Widened": "pinnlab.networks.widened",
    "learn_flow_map": "pinnlab.neural_flow_map",
    "NeuralFlowMap": "pinnlab.neural_flow_map",
    "DormandPrince": "pinnlab.numerics.additive_runge_kutta",
    "ImexRungeKutta": "pinnlab.numerics.additive_runge_kutta",
    "ImplicitMidpoint": "pinnlab.numerics.additive_runge_kutta",
    "RungeKutta4": "pinnlab.numerics.additive_runge_kutta",
    "Sdirk": "pinnlab.numerics.additive_runge_kutta",
    "Automatic": "pinnlab.numerics.automatic",
    "Lsoda": "pinnlab.numerics.automatic",
    "Bdf2": "pinnlab.numerics.implicit",
    "Theta": "pinnlab.numerics.implicit",
    "Bdf": "pinnlab.numerics.integrators",
    "Dop853": "pinnlab.numerics.integrators",
    "Radau": "pinnlab.numerics.integrators",
    "Fastest": "pinnlab.numerics.jets",
    "jets": "pinnlab.numerics.jets",
    "Matern": "pinnlab.numerics.kernels",
    "SpectralMixture": "pinnlab.numerics.kernels",
    "SquaredExponential": "pinnlab.numerics.kernels",
    "StudentMixture": "pinnlab.numerics.kernels",
    "NestedAutograd": "pinnlab.numerics.nested",
    "Hll": "pinnlab.numerics.riemann",
    "Hllem": "pinnlab.numerics.riemann",
    "LaxFriedrichs": "pinnlab.numerics.riemann",
    "ModifiedSinglyTase": "pinnlab.numerics.tase",
    "SinglyTase": "pinnlab.numerics.tase",
    "TaylorMode": "pinnlab.numerics.taylor",
    "Muscl": "pinnlab.numerics.weno",
    "Weno5": "pinnlab.numerics.weno",
    "Observations": "pinnlab.observations",
    "PeriodicShift": "pinnlab.operators.augmentation",
    "Reflection": "pinnlab.operators.augmentation",
    "Transposition": "pinnlab.operators.augmentation",
    "Covariant": "pinnlab.operators.covariant",
    "FineTuning": "pinnlab.operators.fine_tuning",
    "generate": "pinnlab.operators.generate",
    "IncrementalModes": "pinnlab.operators.growth",
    "OperatorLearning": "pinnlab.operators.learning",
    "train": "pinnlab.operators.learning",
    "LieSymmetry": "pinnlab.operators.lie_symmetry",
    "PointwiseGaussian": "pinnlab.operators.normalisation",
    "UnitGaussian": "pinnlab.operators.normalisation",
    "Unnormalised": "pinnlab.operators.normalisation",
    "OperatorSolver": "pinnlab.operators.operator_solver",
    "AllToAll": "pinnlab.operators.pairs",
    "Bundled": "pinnlab.operators.pairs",
    "OneStep": "pinnlab.operators.pairs",
    "SolutionMap": "pinnlab.operators.pairs",
    "plot_prediction": "pinnlab.operators.pictures",
    "ResidualLoss": "pinnlab.operators.residual_loss",
    "SpaceTime": "pinnlab.operators.space_time",
    "SpectralOperator": "pinnlab.operators.spectral_operator",
    "train_without_data": "pinnlab.operators.spectral_operator",
    "symmetry_residual": "pinnlab.operators.symmetry_residual",
    "TrainedOperator": "pinnlab.operators.trained",
    "Pushforward": "pinnlab.operators.unrolled",
    "Rollout": "pinnlab.operators.unrolled",
    "solve_ensemble": "pinnlab.pinn_ensemble",
    "AllParameters": "pinnlab.pinns.moving",
    "OutputLayer": "pinnlab.pinns.moving",
    "plot_answer": "pinnlab.plots.samples",
    "plot_sample": "pinnlab.plots.samples",
    "Posterior": "pinnlab.posterior",
    "NeumannField": "pinnlab.random_functions",
    "PeriodicField": "pinnlab.random_functions",
    "TravellingSines": "pinnlab.random_functions",
    "TwoPhase": "pinnlab.random_functions",
    "WindowedSines": "pinnlab.random_functions",
    "GaussianPulse": "pinnlab.random_sources",
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
    "CausalPinn": "pinnlab.solvers.causal_pinn",
    "Collocation": "pinnlab.solvers.collocation",
    "DeepxdePinn": "pinnlab.solvers.deepxde_pinn",
    "EhrenpreisGp": "pinnlab.solvers.ehrenpreis_gp",
    "Etdrk4": "pinnlab.solvers.etdrk4",
    "FiniteElement": "pinnlab.solvers.finite_element",
    "ExplicitDiffusion": "pinnlab.solvers.finite_volume",
    "FiniteVolume": "pinnlab.solvers.finite_volume",
    "ImplicitDiffusion": "pinnlab.solvers.finite_volume",
    "LagrangianPinn": "pinnlab.solvers.lagrangian_pinn",
    "MethodOfLines": "pinnlab.solvers.method_of_lines",
    "NeuralGalerkin": "pinnlab.solvers.neural_galerkin",
    "Ode": "pinnlab.solvers.ode",
    "Pinn": "pinnlab.solvers.pinn",
    "RandomFeatures": "pinnlab.solvers.random_features",
    "SpectralGp": "pinnlab.solvers.spectral_gp",
    "WidenedPinn": "pinnlab.solvers.widened_pinn",
    "sparse_regression": "pinnlab.sparse_regression",
    "SparseModel": "pinnlab.sparse_regression",
    "support": "pinnlab.support",
    "Adam": "pinnlab.training.adam",
    "AdamW": "pinnlab.training.adam_w",
    "Bfgs": "pinnlab.training.broyden_family",
    "Broyden": "pinnlab.training.broyden_family",
    "SelfScaledBfgs": "pinnlab.training.broyden_family",
    "CausalGate": "pinnlab.training.causal_gate",
    "CausalWeights": "pinnlab.training.causal_weights",
    "ConFig": "pinnlab.training.combination",
    "Compiled": "pinnlab.training.compiled",
    "EnergyNaturalGradient": "pinnlab.training.energy_natural_gradient",
    "Spring": "pinnlab.training.energy_natural_gradient",
    "Estimate": "pinnlab.training.estimate",
    "LastLayer": "pinnlab.training.last_layer",
    "Lbfgs": "pinnlab.training.lbfgs",
    "GeodesicAcceleration": "pinnlab.training.levenberg_marquardt",
    "LevenbergMarquardt": "pinnlab.training.levenberg_marquardt",
    "NoCorrection": "pinnlab.training.levenberg_marquardt",
    "LeverageScore": "pinnlab.training.leverage",
    "MomentumConFig": "pinnlab.training.momentum_config",
    "MultiAdam": "pinnlab.training.multi_adam",
    "NysNewtonCg": "pinnlab.training.nys_newton_cg",
    "ResidualAttention": "pinnlab.training.point_weights",
    "SelfAdaptive": "pinnlab.training.point_weights",
    "Autocast": "pinnlab.training.precision",
    "ColumnScaling": "pinnlab.training.preconditioning",
    "condition_number": "pinnlab.training.preconditioning",
    "GramInverseRoot": "pinnlab.training.preconditioning",
    "Preconditioned": "pinnlab.training.preconditioning",
    "RelativeH1": "pinnlab.training.relative_loss",
    "RelativeL2": "pinnlab.training.relative_loss",
    "SumOfLosses": "pinnlab.training.relative_loss",
    "ResidualAdaptiveRefinement": "pinnlab.training.retaining_samplers",
    "RetainResampleRelease": "pinnlab.training.retaining_samplers",
    "LayerOuterProducts": "pinnlab.training.row_jacobian",
    "PerPoint": "pinnlab.training.row_jacobian",
    "LatinHypercube": "pinnlab.training.samplers",
    "ResidualAdaptive": "pinnlab.training.samplers",
    "Sobol": "pinnlab.training.samplers",
    "Uniform": "pinnlab.training.samplers",
    "UniformGrid": "pinnlab.training.samplers",
    "Cosine": "pinnlab.training.schedules",
    "Halving": "pinnlab.training.schedules",
    "OneCycle": "pinnlab.training.schedules",
    "Sketched": "pinnlab.training.sketching",
    "Soap": "pinnlab.training.soap",
    "SelfScaledBroyden": "pinnlab.training.ssbroyden",
    "GradientNorm": "pinnlab.training.term_weights",
    "LearningRateAnnealing": "pinnlab.training.term_weights",
    "NeuralTangentKernel": "pinnlab.training.term_weights",
    "Certificate": "pinnlab.training.weighting",
    "FixedWeights": "pinnlab.training.weighting",
    "AdaptiveWindows": "pinnlab.windows",
    "EqualWindows": "pinnlab.windows",
    "Fresh": "pinnlab.windows",
    "GivenWindows": "pinnlab.windows",
    "Warm": "pinnlab.windows",
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
