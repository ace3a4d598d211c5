"""The cohorts of a training's rounds, as the job's `sampling` says. A cohort depends on (seed, round) alone.

`uniform` gives all clients equally many turns. A server can do so that knows only who has checked in; in a simulation,
everybody has. After a turn, a client takes part in no round for `min_separation` rounds. Gboard's phones also keep a
least time between two turns (Xu et al. 2023, arXiv:2305.18465). Differentially private training with correlated noise
needs both limits, of the separation and of the turns (Choquette-Choo et al. 2023, arXiv:2306.08153).

How: the clients stand in a random order, divided into blocks. Everybody has a turn, block after block, then everybody
again, and so on; the order within a block is drawn again each time. Between two turns of a client there are at least
N - m turns of others, with N clients and blocks of m. So m = N - k·s + 1 separates the turns by s rounds of k clients,
and no state is kept between rounds.

`by_size` draws each cohort with weights by the number of messages. Only a simulation knows these.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
import numpy.typing as npt

from federated.data.federated_data import FederatedData
from federated.job import JobError, SamplingConfig


class CohortSampler(ABC):
    """Draws the cohorts of `size` of the `clients` (all, if there are fewer)."""

    def __init__(self, clients: int, size: int, seed: int) -> None:
        self.clients, self.size, self.seed = clients, min(size, clients), seed

    @abstractmethod
    def cohort(self, round_number: int) -> npt.NDArray[np.int64]:
        """Returns the positions of different clients among those in training; rounds are counted from 1."""

    def is_over(self, round_number: int) -> bool:
        """Returns whether no client has a turn left in this round or a later one."""
        return False


class UniformTurns(CohortSampler):
    """Everybody has a turn before anybody has another one."""

    def __init__(
        self, clients: int, size: int, seed: int, min_separation: int | None = None, max_turns: int | None = None
    ) -> None:
        """Orders the clients.

        Args:
            clients: Number of clients.
            size: Clients in a cohort.
            seed: The job's seed.
            min_separation: A client of round r takes part in no round before r + `min_separation`. None lets half of
                the clients rest.
            max_turns: Most rounds in which a client takes part; None for no limit.

        Raises:
            JobError: there are too few clients for this separation.
        """
        super().__init__(clients, size, seed)
        if min_separation is None:
            min_separation = max(1, clients // max(2 * self.size, 1))
        elif min_separation * self.size > max(clients, 1):
            raise JobError(
                f"min_separation = {min_separation} with {self.size:,} clients in a round needs "
                f"{min_separation * self.size:,} users in training, and there are {clients:,}: "
                f"set it to {clients // self.size} or less"
            )
        self._turns = np.inf if max_turns is None else float(clients * max_turns)
        self._order = np.random.default_rng(seed).permutation(np.arange(clients, dtype=np.int32))
        blocks = -(-clients // (clients - self.size * min_separation + 1)) if clients else 1
        self._edges = np.arange(blocks + 1) * clients // blocks
        self._shuffled: tuple[tuple[int, int], npt.NDArray[np.int32]] | None = None

    def cohort(self, round_number: int) -> npt.NDArray[np.int64]:
        first = (round_number - 1) * self.size
        last = int(min(first + self.size, self._turns))
        return np.array([self._turn(number) for number in range(first, last)], np.int64)

    def is_over(self, round_number: int) -> bool:
        return (round_number - 1) * self.size >= self._turns

    def _turn(self, number: int) -> int:
        """Returns the client of a turn; the turns of all rounds are numbered from 0."""
        time, place = divmod(number, self.clients)
        block = int(np.searchsorted(self._edges, place, side="right")) - 1
        if self._shuffled is None or self._shuffled[0] != (time, block):  # drawn once in many rounds
            members = self._order[self._edges[block] : self._edges[block + 1]]
            self._shuffled = (time, block), np.random.default_rng([self.seed, time, block]).permutation(members)
        return int(self._shuffled[1][place - self._edges[block]])


class BySize(CohortSampler):
    """Draws without replacement, with weights by size. A client with few messages comes seldom, so the model does not
    memorize these messages; a client with many is read more often."""

    def __init__(self, sizes: npt.NDArray[np.float64], size: int, seed: int) -> None:
        """`sizes`: `[clients]` their numbers of messages, all positive."""
        super().__init__(len(sizes), size, seed)
        self._shares = sizes / sizes.sum()

    def cohort(self, round_number: int) -> npt.NDArray[np.int64]:
        rng = np.random.default_rng([self.seed, round_number])
        return rng.choice(self.clients, size=self.size, replace=False, shuffle=True, p=self._shares)


def cohort_sampler(config: SamplingConfig, data: FederatedData, size: int, seed: int) -> CohortSampler:
    """Returns the sampler of the clients in training that a section of the job asks for.

    Args:
        config: The section.
        data: The corpus; `by_size` reads its sizes.
        size: Clients in a cohort.
        seed: The job's seed.

    Raises:
        JobError: there are too few clients for the section's `min_separation`.
    """
    if config.sampling == "by_size":
        return BySize(data.training_sizes, size, seed)
    return UniformTurns(len(data.population.training), size, seed, config.min_separation, config.max_turns)
