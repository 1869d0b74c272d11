from __future__ import annotations

import numpy as np
import pytest

from pinnlab.numerics.weno import Muscl, Weno5, share_within_bound


def averages_of_sine(n):
    edges = 2 * np.pi * np.arange(n + 1) / n
    return edges, -np.diff(np.cos(edges)) * n / (2 * np.pi)


def face_errors(scheme, n):
    edges, averages = averages_of_sine(n)
    padded = np.concatenate([averages[-scheme.ghosts :], averages, averages[: scheme.ghosts]])[None]
    faces = scheme.faces(padded)
    assert faces.shape == (2, 1, n + 1)
    return np.abs(faces - np.sin(edges)).max(axis=(1, 2))


def test_weno_z_is_of_fifth_order_from_both_sides_critical_points_included():
    coarse, fine = face_errors(Weno5(), 40), face_errors(Weno5(), 80)
    np.testing.assert_allclose(np.log2(coarse / fine), 5, atol=0.15)


def test_muscl_is_of_second_order_away_from_extrema():
    (coarse, fine) = (np.sort(np.abs(_muscl_errors(n)))[: int(0.9 * n)].max() for n in (80, 160))
    assert np.log2(coarse / fine) == pytest.approx(2, abs=0.3)


def _muscl_errors(n):
    edges, averages = averages_of_sine(n)
    faces = Muscl().faces(np.concatenate([averages[-2:], averages, averages[:2]])[None])
    return faces[0, 0, :-1] - np.sin(edges[:-1])


def test_weno_weights_by_hand():
    # Averages 0 0 0 1 1: parabolas at the upper face 0, 1/3, 2/3·1 (values (2a-7b+11c)/6, (-b+5c+2d)/6, (2c+5d-e)/6);
    # beta = 0, 13/12 + 1/4 = 4/3, 13/12 + 9/4 = 10/3; tau = 10/3: the weights are 0.1 (1 + ∞), so the first wins.
    value = Weno5().upwind(np.array([0.0, 0.0, 0.0, 1.0, 1.0]).reshape(5, 1))
    assert abs(value[0]) < 1e-30
    # Averages 0 1 3 4 4: differences 1 2 1 0; beta = 13/12·1 + 25/4, 13/12·1 + 9/4, 13/12·1 + 9/4; 22/3, 10/3, 10/3;
    # tau = 4; weights 0.1 (1 + (12/22)²), 0.6 (1 + 1.44), 0.3 (1 + 1.44);
    # parabolas 26/6, 22/6, 22/6.
    w = np.array([0.1 * (1 + (12 / 22) ** 2), 0.6 * 2.44, 0.3 * 2.44])
    expected = (w * np.array([26, 22, 22]) / 6).sum() / w.sum()
    value = Weno5().upwind(np.array([0.0, 1.0, 3.0, 4.0, 4.0]).reshape(5, 1))
    assert value[0] == pytest.approx(expected, rel=1e-14)


def test_the_limiter_of_muscl_by_hand():
    # Differences 1 and 4: central slope 5/2, twice the smaller 2; so 1 + 2/2.
    assert Muscl().upwind(np.array([[0.0], [1.0], [5.0]]))[0] == 2.0
    assert Muscl(1.0).upwind(np.array([[0.0], [1.0], [5.0]]))[0] == 1.5
    assert Muscl().upwind(np.array([[0.0], [1.0], [2.0]]))[0] == 1.5
    assert Muscl().upwind(np.array([[0.0], [1.0], [0.5]]))[0] == 1.0


@pytest.mark.parametrize("scheme", [Weno5(), Muscl()])
def test_a_jump_makes_no_new_extremum_worth_mentioning(scheme):
    averages = np.where(np.arange(30) < 15, 1.0, 0.0)[None]
    faces = scheme.faces(averages)
    assert faces.min() > -1e-3
    assert faces.max() < 1 + 1e-3


def test_a_frame_that_mixes_unknowns_changes_nothing_where_all_are_smooth_parabolas():
    x = np.arange(20.0)
    averages = np.stack([x**2 + 1 / 12, 3 * x + 1])
    angle = 0.3
    right = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    frame = tuple(np.repeat(matrix[..., None], 15, axis=2) for matrix in (right.T, right))
    faces = Weno5().faces(averages, frame)
    at = x[2:-3] + 0.5
    for side in faces:
        np.testing.assert_allclose(side, [at**2, 3 * at + 1], rtol=1e-13)


def test_values_may_depart_from_the_average_as_far_as_the_bound():
    average, values = np.array([1.0, 1.0, 0.0, 2.0]), np.array([[-1.0, 0.5, 0.0, -1.0], [3.0, 1.5, 0.0, 5.0]])
    np.testing.assert_allclose(share_within_bound(average, values, 0.0), [0.5, 1, 1, 2 / 3])
    np.testing.assert_allclose(share_within_bound(average, values, 0.5 * average), [0.25, 1, 1, 1 / 3])


@pytest.mark.parametrize("steepness", [0.5, 2.5])
def test_a_limiter_out_of_range_is_refused(steepness):
    with pytest.raises(ValueError, match="steepness must be between 1 and 2"):
        Muscl(steepness)
