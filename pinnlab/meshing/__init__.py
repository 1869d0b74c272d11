"""Meshes as arrays, and how they are made."""
