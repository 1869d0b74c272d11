"""Answers on meshes and cells as functions, and their values at nodes."""
