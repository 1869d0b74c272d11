"""Operators learned from families of problems."""
