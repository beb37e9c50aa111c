"""One sub-environment of a vector environment."""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from gymnasium.utils import seeding

from ._episode import BenchmarkOrder, Episode
from .benchmark import Benchmark
from .rewards import RewardState


class Work(IntEnum):
    """What a lane is at."""

    IDLE = 0
    #: A reply to a step is to come.
    STEPPING = 1
    #: A reply to the start of a session is to come.
    BEGINNING = 2
    #: Done, and nobody has taken the result.
    READY = 3


class Lane:
    """Its program, its session, and what is under way."""

    __slots__ = ("action", "benchmark", "episode", "head", "index", "is_over", "order", "random", "reward", "work")

    def __init__(self, index: int, order: BenchmarkOrder, reward: RewardState) -> None:
        self.index = index
        self.order = order
        self.reward = reward
        self.random: np.random.Generator | None = None
        self.episode: Episode | None = None
        #: What StepEncoder wants to know of the session.
        self.head = (b"", b"")
        self.work = Work.IDLE
        #: The one under way.
        self.action = 0
        #: On which it begins.
        self.benchmark: Benchmark | None = None
        #: The episode has ended, and the next one has not begun.
        self.is_over = False

    @property
    def is_busy(self) -> bool:
        """A reply is to come."""
        return self.work is Work.STEPPING or self.work is Work.BEGINNING

    def seed(self, seed: int | None) -> None:
        """As Env.reset does it."""
        if seed is not None or self.random is None:
            self.random, _ = seeding.np_random(seed)

    def next_benchmark(self) -> Benchmark:
        """By its own generator."""
        assert self.random is not None
        return self.order.next(self.random)
