"""The combination that ships: a meta-learned start, the adapter, the owner's n-grams, each weighed by what was typed.

    start     θ_0 of Per-FedAvg (Fallah et al. 2020, first order), trained in rounds; 0 rounds = the shared model's
    adapter   the bias of what the owner types moved to how often (Kneser, Peters and Klakow 1997: `marginals`), then K
              pulled steps from there, their rates times n / (n + evidence)
    words     hierarchical Pitman-Yor mixture with the adapted model as its base (Teh 2006), at a strength that is
              chosen on the owner's newest messages (Mansour et al. 2020, section 5)
    brake     a word of one's own takes a key only where it is clearly the more probable
              (`device_runtime.prediction.predictor.apply_swap_margin`)

The parts have their own switches: with no `strength` and no steps it is `user_history`, with a silent history
and no `strength` `per_fedavg`, and with all three `global_only`. The start is trained with rates of its own, so
that the phone's recipe can be chosen without training it again. TFF's view of it is without the owner's
n-grams, which live on the phone.
"""

from __future__ import annotations

from dataclasses import replace

import tensorflow as tf
from pydantic import Field

from federated.algorithms import dynamic_marginals, per_fedavg
from federated.algorithms.dynamic_marginals import MarginalsOptions
from federated.algorithms.fine_tuning import FINE_TUNING_SEARCH_SPACE
from federated.algorithms.user_ngrams import HISTORY_SPACE
from federated.job import NotNegative
from federated.personalization.method import (
    Choice,
    ClientText,
    ClientUpdate,
    DeviceArtifact,
    Method,
    MethodContext,
    PersonalModel,
    Range,
    SharedModel,
    Structure,
)
from keyboard_model.model.adapter import AdapterTensors


class ThumbprintOptions(MarginalsOptions):
    """Those of `marginals`, off as shipped, and how the start is learnt.

    start_learning_rate, start_bias_rate: of its steps; 0 = as it was.
    inner_steps: the phone's steps that it looks ahead.
    """

    strength: NotNegative = 0.0
    start_learning_rate: NotNegative = 0.1
    start_bias_rate: NotNegative = 2.0
    inner_steps: int = Field(2, ge=1, le=50)


def local(
    base: SharedModel, server: AdapterTensors, client: Structure, batches: tf.data.Dataset, context: MethodContext
) -> ClientUpdate:
    """One client's round of first-order Per-FedAvg at the start's own rates."""
    options = context.options
    rates = {"learning_rate": options.start_learning_rate, "bias_rate": options.start_bias_rate}
    meta = per_fedavg.PerFedAvgOptions(variant="first_order", inner_steps=options.inner_steps)
    start = replace(context, config=context.config.model_copy(update=rates), options=meta)
    return per_fedavg.local(base, server, client, batches, start)


def personalize(
    base: SharedModel, server: AdapterTensors, client: Structure, text: ClientText, context: MethodContext
) -> PersonalModel:
    return dynamic_marginals.from_start(base, AdapterTensors(*server), text, context)


def phone(base: SharedModel, server: AdapterTensors, context: MethodContext) -> DeviceArtifact:
    return dynamic_marginals.part(base, server, context)


METHOD = Method(
    name="thumbprint",
    title="Thumbprint",
    paper="Kneser, Peters and Klakow 1997; Fallah et al. 2020, arXiv:2002.07948; Teh 2006, eq. 5; Mansour et al. 2020, "
    "arXiv:2002.10619, section 5",
    personalize=personalize,
    phone=phone,
    local=local,
    server=per_fedavg.server,
    history=True,
    options=ThumbprintOptions,
    space={
        **FINE_TUNING_SEARCH_SPACE,
        **HISTORY_SPACE,
        "steps": Choice((0, 5, 10)),
        "newest_words": Choice((500, 2000)),
        "options.strength": Choice((0.0, 1.0)),
        "proximal": Range(1e-4, 1.0, log=True),
        "federated.rounds": Choice((0, 30)),
        "history.strengths": Choice((1, 3, 6)),
        "swap_margin": Choice((0.0, 0.25, 0.5, 1.0)),
    },
    rounds=0,  # on real messages the shared model's own start was better: see docs/results.md
    recipe_alone=(
        *("steps", "learning_rate", "bias_rate", "proximal", "evidence", "newest_words", "holdout_share"),
        *("options.strength", "options.pseudo_count"),
    ),
)
