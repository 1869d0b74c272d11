"""Least squares whose unknowns form a chain of groups: each row holds one group, or one and the next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

# Added as rows damping · I after columns have length one: far under what rounding leaves of a column, and enough to
# decide among combinations that the rows cannot tell apart.
DAMPING = 1e-14


@dataclass(frozen=True, eq=False)
class ChainSystem:
    """Storage for minimising |A c - b|, where each row of A belongs to a group and is zero outside it and the next.

    Panel g holds, transposed, the rows that belong to group g: the columns of g, those of g + 1, then b, each with room
    for damping rows at its end.  The factorisation goes from group to group, so that it costs rows times the square of
    two groups' columns instead of the square of all.

    Attributes:
        columns: The number of columns of each group.
        group: The group that each row belongs to (rows,).
        place: Its position in the panel of that group (rows,).
        panels: Panel g, (columns of g and g + 1, plus 1; rows of g plus columns of g).
    """

    columns: tuple[int, ...]
    group: Tensor
    place: Tensor
    panels: tuple[Tensor, ...] = field(repr=False)

    @classmethod
    def zeros(cls, group: Tensor, columns: Sequence[int]) -> ChainSystem:
        """An empty system with rows of the given `group (rows,)`, on its device."""
        counts = torch.bincount(group, minlength=len(columns))
        place = torch.zeros_like(group)
        place[torch.argsort(group, stable=True)] = torch.cat(
            [torch.arange(int(n), device=group.device) for n in counts]
        )
        widths = [a + b + 1 for a, b in zip(columns, [*columns[1:], 0], strict=True)]
        sizes = zip(widths, counts.tolist(), columns, strict=True)
        panels = tuple(torch.zeros(w, n + c, dtype=torch.float64, device=group.device) for w, n, c in sizes)
        return cls(tuple(columns), group, place, panels)

    @staticmethod
    def memory(rows: float, columns: Sequence[int]) -> float:
        """Bytes that the panels and the factorisation take, for rows spread evenly over the groups."""
        share = rows / len(columns)
        sizes = [
            8.0 * (share + a) * (a + b + 1) for a, b in zip(columns, [*columns[1:], 0], strict=True)
        ]  # fmt: skip
        return sum(sizes) + 2 * max(sizes)

    def write(self, rows: Tensor, group: int, first: int, values: Tensor) -> None:
        """Set entries of `rows (m,)` in the columns of a group from position `first` on, to `values (m, k)`.

        The rows must belong to that group or to the one before.
        """
        for g in (group - 1, group):
            mine = self.group[rows] == g
            if bool(mine.any()):
                offset = first + (self.columns[g] if g < group else 0)
                target = self.panels[g][offset : offset + values.shape[1]]
                target.index_copy_(1, self.place[rows[mine]], values[mine].T)

    def set_right(self, values: Tensor) -> None:
        """Set b to `values (rows,)`."""
        for g, panel in enumerate(self.panels):
            mine = self.group == g
            panel[-1, self.place[mine]] = values[mine]

    def scale_rows(self) -> Tensor:
        """Divide each row by its largest entry in A, as in [1]; the factors (rows,).  Rows of zeros stay.

        [1] J. Chen, X. Chi, W. E, Z. Yang, J. Mach. Learn. 1 (2022) 268-298.
        """
        factors = torch.ones_like(self.group, dtype=torch.float64)
        for g, panel in enumerate(self.panels):
            n = panel.shape[1] - self.columns[g]
            if n:
                largest = torch.linalg.vector_norm(panel[:-1, :n], ord=float("inf"), dim=0)
                scale = torch.where(largest > 0, 1 / largest, torch.ones_like(largest))
                panel[:, :n] *= scale
                mine = self.group == g
                factors[mine] = scale[self.place[mine]]
        return factors

    def minimiser(self) -> tuple[Tensor, float]:
        """The c (all columns,) that minimises |A c - b|, and that minimum; the storage is spent afterwards.

        Householder factorisations of panel after panel, with columns scaled to length one and a damping of 1e-14.
        """
        lengths = self._scale_columns()
        carry = self.panels[0].new_zeros(0, self.columns[0] + 1)
        triangles = []
        for g, panel in enumerate(self.panels):
            own = self.columns[g]
            panel[:own, panel.shape[1] - own :].diagonal().fill_(DAMPING)
            lifted = carry.new_zeros(len(carry), len(panel))
            lifted[:, :own], lifted[:, -1] = carry[:, :own], carry[:, -1]
            triangle = torch.linalg.qr(torch.cat([panel, lifted.T], dim=1).T, mode="r")[1]
            triangles.append(triangle[:own])
            carry = triangle[own:, own:]
        return self._substituted(triangles) * lengths, float(torch.linalg.vector_norm(carry))

    def _scale_columns(self) -> Tensor:
        """Scale the columns of A to length one; the factors (all columns,).  Columns of zeros stay."""
        squares = [torch.zeros(c, dtype=torch.float64, device=self.group.device) for c in self.columns]
        for g, panel in enumerate(self.panels):
            own = panel[:-1].square().sum(dim=1)
            squares[g] += own[: self.columns[g]]
            if g + 1 < len(squares):
                squares[g + 1] += own[self.columns[g] :]
        factors = [torch.where(s > 0, s.rsqrt(), torch.ones_like(s)) for s in squares]
        for g, panel in enumerate(self.panels):
            panel[:-1] *= torch.cat(factors[g : g + 2])[:, None]
        return torch.cat(factors)

    def _substituted(self, triangles: Sequence[Tensor]) -> Tensor:
        """Back substitution from the last group to the first."""
        found: list[Tensor] = []
        for triangle in reversed(triangles):
            own = len(triangle)
            right = triangle[:, -1]
            if found:
                right = right - triangle[:, own:-1] @ found[0]
            solved = torch.linalg.solve_triangular(triangle[:, :own], right[:, None], upper=True)[:, 0]
            found.insert(0, solved)
        return torch.cat(found)
