"""Regions of space and space-time with named boundary pieces."""
