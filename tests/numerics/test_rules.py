import pytest
import torch

from pinnlab.numerics.nested import NestedPlan
from pinnlab.numerics.rules import RULES
from pinnlab.numerics.taylor import JetPlan

F = torch.nn.functional
DOUBLE = torch.float64
UP_TO_4 = [(0, 0), (1, 0), (0, 1), (2, 0), (1, 1), (3, 0), (1, 2), (0, 4), (2, 2)]
ROW = torch.arange(1.0, 6.0, dtype=DOUBLE) / 5


class Tower(torch.nn.Module):
    """Two layers with an operation between them."""

    def __init__(self, between, middle=5):
        super().__init__()
        g = torch.Generator().manual_seed(0)
        self.first = torch.nn.Linear(2, 5, dtype=DOUBLE)
        self.last = torch.nn.Linear(middle, 2, dtype=DOUBLE)
        for p in self.parameters():
            torch.nn.init.normal_(p, std=0.7, generator=g)
        self.between = between

    def forward(self, x):
        return self.last(self.between(self.first(x)))


def positive(x):
    return 0.5 + torch.square(x)


OPERATIONS = {
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "silu": F.silu,
    "exp": torch.exp,
    "sin": torch.sin,
    "cos": torch.cos,
    "tan": lambda x: torch.tan(0.2 * x),
    "sinh": torch.sinh,
    "cosh": torch.cosh,
    "log": lambda x: torch.log(positive(x)),
    "atan": torch.atan,
    "erf": torch.erf,
    "softplus": F.softplus,
    "softplus with a slope": torch.nn.Softplus(beta=3.0),
    "gelu": F.gelu,
    "gelu by tanh": torch.nn.GELU(approximate="tanh"),
    "sqrt": lambda x: torch.sqrt(positive(x)),
    "rsqrt": lambda x: positive(x).rsqrt(),
    "square": torch.square,
    "cube": lambda x: torch.pow(x, 3),
    "fifth power by an operator": lambda x: (0.5 * x) ** 5,
    "power nought": lambda x: x + torch.sin(x) ** 0,
    "negative power": lambda x: positive(x) ** -2,
    "real power": lambda x: positive(x) ** 1.3,
    "reciprocal": lambda x: torch.reciprocal(positive(x)),
    "tanh twice": lambda x: torch.tanh(torch.tanh(x)),
    "product of two": lambda x: torch.sin(x) * torch.tanh(x),
    "linear times linear times sine": lambda x: x * (x + 1) * torch.sin(x),
    "quotient": lambda x: torch.sin(x) / (2 + torch.cos(x)),
    "tensor over series": lambda x: torch.div(ROW, 2 + torch.cos(x)),
    "number over series": lambda x: 1 / (2 + torch.cos(x)),
    "arithmetic": lambda x: 2 - (3 * x - 1) / 4 + (-x) - x * 0.5,
    "sums with a factor": lambda x: torch.add(x, torch.sin(x), alpha=3) - torch.sub(x, ROW, alpha=2),
    "tensors on the left": lambda x: ROW * torch.sin(x) + (ROW - x) + ROW / (2 + torch.sin(x)),
    "columns": lambda x: torch.cat([torch.sin(x[..., :2]), x[:, 2:4], torch.cos(x[..., 4:])], dim=-1),
    "matrix": lambda x: torch.tanh(x) @ torch.eye(5, dtype=DOUBLE).flip(0),
    "methods": lambda x: x.tanh() + x.sin().exp() - x.cos().mul(2).div(3).neg() + x.pow(2).sub(1).add(ROW),
    "matmul": lambda x: torch.matmul(torch.sin(x), torch.diag(ROW)),
    "split": lambda x: torch.cat([torch.sin(a) for a in torch.split(x, [2, 3], dim=-1)], dim=1),
    "chunk": lambda x: torch.cat([a.exp() for a in x.chunk(2, dim=-1)], dim=1),
    "unbind and stack": lambda x: torch.stack([a * a.sin() for a in x.unbind(-1)], dim=-1),
    "single columns": lambda x: x * torch.sin(x[:, 1] * x[..., 0])[:, None] + torch.cos(x[:, 2]).unsqueeze(-1),
    "sum over columns": lambda x: torch.sin(x) * torch.sum(torch.sin(x), dim=-1, keepdim=True),
    "sum of columns to one": lambda x: torch.sin(x) * torch.sin(x).sum(1)[:, None],
    "mean over columns": lambda x: torch.sin(x) * x.mean(-1, keepdim=True),
    "a column over all": lambda x: torch.tanh(x[:, :1]) + ROW + torch.sin(x[:, :1] + x),
    "affine layer alone": lambda x: x,
}


def some_points(n=3):
    return torch.rand(n, 2, dtype=DOUBLE, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_rule_equals_nested_autograd_to_fourth_order(name):
    network, points = Tower(OPERATIONS[name]), some_points()
    found, expected = (plan(UP_TO_4).evaluate(network, points) for plan in (JetPlan, NestedPlan))
    for orders in UP_TO_4:
        size = expected[orders].abs().max().item()
        torch.testing.assert_close(found[orders], expected[orders], rtol=0, atol=1e-12 * size, msg=str(orders))


@pytest.mark.parametrize("name", ["tanh", "sin", "cos", "exp", "sigmoid", "sinh", "gelu", "real power"])
def test_gradients_by_parameters_equal_nested_autograd(name):
    gradients = []
    for plan in (JetPlan, NestedPlan):
        network = Tower(OPERATIONS[name])
        found = plan(UP_TO_4).evaluate(network, some_points())
        sum((i + 1) * torch.square(d).sum() for i, d in enumerate(found.values())).backward()
        gradients.append(torch.cat([p.grad.flatten() for p in network.parameters()]))
    torch.testing.assert_close(*gradients, rtol=0, atol=1e-12 * gradients[1].abs().max().item())


def written_out(x):
    centred = x - x.mean(-1, keepdim=True)
    return centred / torch.sqrt((centred * centred).mean(-1, keepdim=True) + 1e-5) * ROW + 2


def test_layer_norm_equals_the_formula_written_out():
    # Not torch's own layer_norm by nested autograd, which is wrong from third order on.
    normed = Tower(lambda x: F.layer_norm(torch.sin(x), (5,), ROW, torch.full((5,), 2, dtype=DOUBLE)))
    found = JetPlan(UP_TO_4).evaluate(normed, some_points())
    expected = NestedPlan(UP_TO_4).evaluate(Tower(lambda x: written_out(torch.sin(x))), some_points())
    for orders in UP_TO_4:
        torch.testing.assert_close(found[orders], expected[orders], rtol=1e-11, atol=1e-12, msg=str(orders))


def test_a_network_of_one_column_may_be_summed_up():
    def network(x):
        return torch.sin(x).sum(dim=-1, keepdim=True)

    found = JetPlan([(0, 2)]).evaluate(network, some_points())[0, 2]
    torch.testing.assert_close(found, -torch.sin(some_points()[:, 1:]), rtol=1e-13, atol=0)


REFUSED = {
    "no rule": torch.relu,
    "no method": lambda x: x.relu(),
    "joined points": lambda x: torch.cat([x, x], dim=0),
    "stacked points": lambda x: torch.stack(x.unbind(-1), dim=0),
    "stacked matrices": lambda x: torch.stack([x, x], dim=-1),
    "a point": lambda x: x[0],
    "a column without its axis": lambda x: x[:, 0],
    "sum over points": lambda x: torch.sum(x, dim=0, keepdim=True),
    "sum over everything": lambda x: x.sum(),
    "a column times a matrix": lambda x: x[:, 0] * x,
    "a column times a column": lambda x: x[:, 0] * torch.ones(3, 1, dtype=DOUBLE),
    "a varying exponent": lambda x: x**x,
    "part of the columns normed": lambda x: F.layer_norm(x, (3, 5)),
    "a matrix from the left": lambda x: torch.eye(3, dtype=DOUBLE) @ x,
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_rule_or_mixes_points_is_refused(name):
    with pytest.raises((NotImplementedError, AttributeError), match="Series"):
        JetPlan([(1, 0)]).evaluate(Tower(REFUSED[name]), some_points())


def test_every_rule_is_a_function():
    assert all(callable(f) and callable(rule) for f, rule in RULES.items())
