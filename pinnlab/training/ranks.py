"""Processes that train one network together: what each of them does, and how they add up what they found."""

from __future__ import annotations

import abc
import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

CPU = torch.device("cpu")


class Ranks(abc.ABC):
    """The processes that work together; each sees the same object but for its own `number`.

    Whatever is not named a share is the same on all of them, to the bit, and every rank must make the same calls in
    the same order.

    Attributes:
        number: Of this process, from 0.
        size: How many there are.
        device: Where this process computes.
    """

    number: int
    size: int
    device: torch.device

    def share(self, n: int) -> slice:
        """Which of n rows are this rank's: a run of n / size of them, rounded."""
        return slice(self.number * n // self.size, (self.number + 1) * n // self.size)

    @abc.abstractmethod
    def entering(self, theta: Tensor) -> Tensor:
        """`theta`, from which each rank goes on with its share: in reverse mode the ranks' gradients are added."""

    @abc.abstractmethod
    def summed(self, part: Tensor) -> Tensor:
        """The sum of the parts that the ranks have, differentiable by autograd any number of times."""

    @abc.abstractmethod
    def agreed(self, value: Tensor) -> Tensor:
        """What rank 0 has."""

    def agreed_number(self, value: float) -> float:
        """The number that rank 0 has."""
        return float(self.agreed(torch.tensor(value, dtype=torch.float64, device=self.device)))

    def spread(self, n: int, theta: Tensor, evaluate: Callable[[Tensor, slice], Tensor]) -> Tensor:
        """Rows `evaluate(theta, slice(0, n))` (n, ...), of which each rank evaluates its share.

        With fewer rows than ranks all evaluate all.  Row i may depend on theta and i alone.
        """
        if self.size == 1 or n < self.size:
            return evaluate(theta, slice(0, n))
        share = self.share(n)
        rows = evaluate(self.entering(theta), share)
        before, after = (rows.new_zeros(m, *rows.shape[1:]) for m in (share.start, n - share.stop))
        return self.summed(torch.cat([before, rows, after]))


@dataclass(frozen=True)
class Alone(Ranks):
    """One process, which has nobody to talk to."""

    device: torch.device = CPU
    number: int = 0
    size: int = 1

    def entering(self, theta: Tensor) -> Tensor:  # noqa: D102
        return theta

    def summed(self, part: Tensor) -> Tensor:  # noqa: D102
        return part

    def agreed(self, value: Tensor) -> Tensor:  # noqa: D102
        return value


ALONE = Alone()


@dataclass(frozen=True)
class Team(Ranks):
    """The processes of torch.distributed's default group.

    All-reduce gives the same bits to all ranks, so that they take the same decisions as long as they run the same
    code on the same kind of machine with the same number of threads.
    """

    device: torch.device
    number: int
    size: int

    def entering(self, theta: Tensor) -> Tensor:  # noqa: D102
        return _Entering.apply(theta)

    def summed(self, part: Tensor) -> Tensor:  # noqa: D102
        return _Summed.apply(part)

    def agreed(self, value: Tensor) -> Tensor:  # noqa: D102
        found = value.detach().clone(memory_format=torch.contiguous_format)
        dist.broadcast(found, 0)
        return found


class _Entering(torch.autograd.Function):
    """x to x; its derivative in reverse is the sum over the ranks."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, *upstream: Any) -> Any:
        return _Summed.apply(upstream[0])


class _Summed(torch.autograd.Function):
    """The sum over the ranks, of which every rank goes on with the same; its derivative in reverse is one."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        total = x.detach().clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, *upstream: Any) -> Any:
        return _Entering.apply(upstream[0])


def current(device: torch.device = CPU) -> Ranks:
    """The ranks of torch.distributed's default group, where there is one of several; this process alone otherwise.

    A CUDA device without a number is that of `LOCAL_RANK`, where a launcher says so.

    Raises:
        ValueError: If this machine has fewer CUDA devices than ranks.
    """
    if not dist.is_available() or not dist.is_initialized() or dist.get_world_size() == 1:
        return Alone(device)
    local = os.environ.get("LOCAL_RANK")
    if device.type == "cuda" and device.index is None and local is not None:
        if int(local) >= torch.cuda.device_count():
            raise ValueError(
                f"rank {local} of this machine has no CUDA device of its own, of which there are "
                f"{torch.cuda.device_count()}; start one rank for each, say device='cuda:0' if every rank sees its own "
                "device only, or device='cpu'"
            )
        device = torch.device("cuda", int(local))
    return Team(device, dist.get_rank(), dist.get_world_size())


@contextlib.contextmanager
def joined(device: torch.device = CPU) -> Iterator[None]:
    """The processes that torchrun has started, connected while the context is open: by nccl on CUDA and by gloo else.

    Without torchrun, and where torch.distributed has a default group already, it does nothing.  All processes must
    enter it equally often, and leave no other connections at torchrun's store under the names pinnlab/….
    """
    if not dist.is_available() or dist.is_initialized() or not dist.is_torchelastic_launched():
        yield
        return
    backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
    from torch.distributed import PrefixStore  # type: ignore[attr-defined]
    from torch.distributed.rendezvous import rendezvous

    store, rank, size = next(iter(rendezvous("env://")))
    # The store outlives the connection: the next one must not find the addresses of this one.
    turn = store.add(f"pinnlab/{rank}", 1)
    dist.init_process_group(backend, store=PrefixStore(f"pinnlab/turn{turn}", store), rank=rank, world_size=size)
    try:
        yield
    finally:
        dist.destroy_process_group()
