"""Problems on nodes, cells and elements: systems of equations for finitely many values."""
