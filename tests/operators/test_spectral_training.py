"""Training of corrections."""

import sympy as sp
import torch

from pinnlab.operators.spectral_correction import norm
from pinnlab.operators.spectral_training import SpectralTraining
from pinnlab.solver import Status
from pinnlab.training.adam_w import AdamW

x = sp.Symbol("x", real=True)


def training(spectral, family, counts, seed=0, steps=10):
    samples = [family.draw(i) for i in range(8)]
    system, given = spectral.system_of(family, counts, samples)
    return SpectralTraining(system, given.members, 8, 1, 4, 2, steps, 4, AdamW(3e-3, 0.0), seed)


def run(method, steps):
    state, rows = method.init(0), []
    for _ in range(steps):
        state, scalars = method.step(state)
        rows.append(scalars)
    return state, rows


def test_the_residual_falls(spectral):
    _, rows = run(training(spectral, spectral.reaction_diffusion(), (8, 9), steps=40), 40)
    assert sum(r["residual"] for r in rows[-10:]) < 0.5 * sum(r["residual"] for r in rows[:10])


def test_runs_with_the_same_seed_agree_to_the_bit_and_others_differ(spectral):
    a, b, c = (run(training(spectral, spectral.reaction_diffusion(), (8, 9), seed), 3)[0] for seed in (0, 0, 1))
    assert torch.equal(a.theta, b.theta)
    assert not torch.equal(a.theta, c.theta)


def test_a_step_leaves_its_state_as_it_was(spectral):
    method = training(spectral, spectral.reaction_diffusion(), (8, 9))
    first, _ = method.step(method.init(0))
    kept = first.theta.clone()
    one, _ = method.step(first)
    assert torch.equal(first.theta, kept)
    assert first.adam.taken == 1
    again, _ = method.step(first)
    assert torch.equal(one.theta, again.theta)


def test_it_is_done_after_its_steps(spectral):
    method = training(spectral, spectral.reaction_diffusion(), (8, 9), steps=2)
    state, _ = run(method, 1)
    assert method.status(state) is Status.RUNNING
    assert method.status(method.step(state)[0]) is Status.DONE


def test_nothing_is_trained_where_the_first_correction_is_exact(spectral):
    method = training(spectral, spectral.poisson(), (9, 9))
    assert method.exact
    assert method.status(method.init(0)) is Status.DONE


def test_the_loss_of_a_fresh_network_is_how_far_an_iteration_of_picard_gets(spectral):
    method = training(spectral, spectral.reaction_diffusion(), (8, 9))
    rows = run(method, 1)[1]
    assert -3 < rows[0]["loss"] < 0
    system = method.system
    given = system.prepared(method.pool)
    z = system.zero(8)
    rho = system.residual(given, z)
    ratios = norm(system.residual(given, z - rho)) / norm(rho)
    assert float(ratios.log().min()) - 1 < rows[0]["loss"] < float(ratios.log().max())
