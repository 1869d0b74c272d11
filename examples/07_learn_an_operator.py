"""A family of problems: heat on a ring, eaten up by a reaction, from random initial values; one network answers for all.

The samples come from a pseudo-spectral solver, each with the bound of its error; the network is then tried on members
that it has not seen.  Run time: half a minute.
"""

from pathlib import Path

import sympy as sp

from pinnlab import (
    AdamW,
    Box,
    D,
    Etdrk4,
    Family,
    Fno,
    NoPositions,
    OneCycle,
    OperatorLearning,
    PeriodicField,
    Problem,
    TrainedOperator,
    generate,
    initial,
    parameter,
    train,
)

t, x = sp.symbols("t x", real=True)
u = sp.Function("u")(t, x)
u0 = parameter("u0", sp.sin(2 * sp.pi * x))
ring = Box({t: (0, 0.01), x: (0, 1)}, periodic=[x])
problem = Problem("heat", [D(u, t) - D(u, x, 2) + u**3], [u], ring, [initial(u, u0)], time=t)
family = Family(problem, {u0: PeriodicField({x: (0, 1)}, alpha=2, tau=5, sigma=25)})


def main(folder: Path) -> float:
    solver = Etdrk4(points=256, steps=40)
    data = generate(family, 200, solver, nodes=64, out=folder / "heat.hdf")  # killed and run again it goes on
    print(f"{len(data)} samples, median bound {sorted(data.bounds)[100]:.1e}")
    settings = OperatorLearning(
        Fno(12, 16, positions=NoPositions()), optimizer=AdamW(1e-2, schedule=OneCycle()), epochs=60
    )
    train(data, settings, device="cpu").save(folder / "operator")
    operator = TrainedOperator.load(folder / "operator")
    unseen = generate(family, 50, solver, nodes=64, seed=1)
    errors = operator.evaluate(unseen)
    print(f"relative L2 on {len(unseen)} other members: {errors['relative_l2']:.1e}, largest {errors['largest']:.1e}")
    print(f"{1e3 * operator.seconds_per_query(unseen):.1f} ms a query")
    return errors["relative_l2"]


if __name__ == "__main__":
    main(Path("."))
