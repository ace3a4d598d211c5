"""How much one client can change the shared model, whatever it types or sends: its limits, and what follows from them.

A client may be poisoned: 10,000 copies of a sentence, or an update that was made up. Four things limit it.

- *What is read of it*: the newest `[data] max_messages` messages; of these, `max_windows` windows in a round.
- *Its update*: each local step moves the weights by at most client_learning_rate·clip, so K steps by at most K times as
  much. The robust aggregator then clips the update to C, a quantile of the norms in earlier rounds (at first 1), and
  leaves out an update with an entry far above those of the others. An update that is not finite has no weight.
- *Its weight* w: its targets in the round, at most `weight_cap` (by default max_windows·window). With the total weight
  W of the other clients,

      ‖mean with it − mean without it‖ ≤ 2·C·w / (W + w)

- *The server's step*: FedAdam divides by the size of recent updates. A weight moves in a round by at most its learning
  rate times `ADAM_FACTOR`, whatever the clients send. SGD with momentum m has no such limit but that of the updates: it
  moves a weight by at most its learning rate times the largest mean update, over 1 − m.

Counts have limits of their own. A client counts a word or an n-gram at most `count_cap` times, and contributes at most
`[tokenizer] max_words` words and `[ngram] max_pieces` n-grams of each order. The vocabulary and the n-grams have no
word and no n-gram that fewer than `min_clients` clients typed. Clients that work together count as many.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from federated.job import Job

ADAM_FACTOR = math.sqrt(1 / (1 - 0.9**2 / 0.99))
"""Longest step of the server's Adam (β₁ 0.9, β₂ 0.99) in learning rates: 2.35. By Cauchy and Schwarz, |m| is at most
(1 − β₁)/√(1 − β₂) · √(1/(1 − β₁²/β₂)) · √v, and here 1 − β₁ = √(1 − β₂)."""


@dataclass(frozen=True)
class ClientBound:
    """The limits of one client.

    Attributes:
        messages: Messages that are read.
        pieces: Pieces on which it trains in a round.
        update: Largest norm of its update before the aggregator clips it.
        weight: Largest weight in the mean of a round, w.
        server_step: How far a weight of the model moves in a round at most.
        words: How many words it contributes.
        word_count: How much it adds to the count of a word.
        ngram_count: How much it adds to the count of an n-gram.
        ngrams: How much it adds to the counts of all n-grams of an order together.
    """

    messages: int
    pieces: int
    update: float
    weight: float
    server_step: float
    words: int
    word_count: int
    ngram_count: int
    ngrams: int

    @classmethod
    def of(cls, job: Job) -> ClientBound:
        """Returns the limits that a job sets.

        >>> bound = ClientBound.of(Job())
        >>> bound.pieces, bound.update, bound.weight, round(bound.mean_change(others=9 * 640, clipping_norm=1.0), 3)
        (640, 10.0, 640.0, 0.2)
        """
        training = job.training
        pieces = training.max_windows * training.window
        steps = math.ceil(training.max_windows / training.batch)
        update = steps * training.client_learning_rate * training.clip
        factor = ADAM_FACTOR if training.server_optimizer == "adam" else update / (1 - training.server_momentum)
        return cls(
            messages=job.data.max_messages,
            pieces=pieces,
            update=update,
            weight=training.largest_weight,
            server_step=training.server_learning_rate * factor,
            words=job.tokenizer.max_words,
            word_count=job.tokenizer.count_cap,
            ngram_count=job.ngram.count_cap,
            ngrams=job.ngram.max_pieces,
        )

    def mean_change(self, others: float, clipping_norm: float) -> float:
        """Returns the largest change (L2) of a round's mean update by this client.

        Args:
            others: Total weight of the other clients, W.
            clipping_norm: The aggregator's clipping norm in this round, C.
        """
        return 2.0 * min(clipping_norm, self.update) * self.weight / (others + self.weight)
