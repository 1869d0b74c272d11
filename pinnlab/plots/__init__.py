"""Pictures of answers, and what they are painted on."""

from pinnlab.plots.figures import convergence as convergence
from pinnlab.plots.figures import panel as panel
from pinnlab.plots.figures import picture_shape as picture_shape
from pinnlab.plots.figures import pictured as pictured
from pinnlab.plots.figures import plot_solution as plot_solution
