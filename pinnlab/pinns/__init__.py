"""What physics-informed networks are compiled to: rows of residuals, points, states, fields."""
