"""Gaussian processes conditioned on differential equations: priors, points, and ways to solve."""
