"""The default method: a meta-learned start, an adapter and the owner's n-grams, each weighted by the typed text.

    start     θ_0 of Per-FedAvg (Fallah et al. 2020, first order), trained in rounds; 0 rounds = the initial adapter
    adapter   the bias of the typed words set by dynamic marginals (Kneser, Peters and Klakow 1997: `marginals`), then K
              pulled steps from there with rates times n / (n + evidence)
    n-grams   mixed in with weights by context that federated users have trained (Jacobs et al. 1991), at a strength
              that is chosen on the owner's newest messages (Mansour et al. 2020, section 5)
    cache     the words that the owner typed in similar contexts (Grave et al. 2017), mixed in likewise
    margin    one of the owner's words replaces a suggestion only if it is clearly more probable
              (`device_runtime.prediction.predictor.apply_swap_margin`)

Each part can be switched off. With `mixing = "pitman_yor"`, without `strength` and steps, this is `user_history`,
without n-grams and `strength` `per_fedavg`, and without all three `global_only`. The start is trained with rates of its
own, so the phone's recipe can be tuned without training it again. The n-grams are only on the phone, so TFF measures
the method without them.
"""

from __future__ import annotations

from dataclasses import replace

from pydantic import Field

from federated.algorithms import dynamic_marginals, per_fedavg
from federated.algorithms.dynamic_marginals import MarginalsOptions
from federated.algorithms.fine_tuning import FINE_TUNING_SEARCH_SPACE
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
from federated.settings import NotNegative
from keyboard_model.batching import Batch
from keyboard_model.model.adapter import AdapterTensors


class ThumbprintOptions(MarginalsOptions):
    """The options of `marginals`, with strength 0 as the default, and those of the start.

    Attributes:
        start_learning_rate, start_bias_rate: Learning rates of the start's rounds; 0 = the start does not change.
        inner_steps: Number of a phone's steps that the meta-gradient takes into account.
    """

    strength: NotNegative = 0.0
    start_learning_rate: NotNegative = 0.1
    start_bias_rate: NotNegative = 2.0
    inner_steps: int = Field(2, ge=1, le=50)


def local(
    shared: SharedModel, server: AdapterTensors, client: Structure, batches: Batch, context: MethodContext
) -> ClientUpdate:
    """Makes one client's round of first-order Per-FedAvg at the start's own rates."""
    options = context.options
    rates = {"learning_rate": options.start_learning_rate, "bias_rate": options.start_bias_rate}
    meta = per_fedavg.PerFedAvgOptions(variant="first_order", inner_steps=options.inner_steps)
    start = replace(context, config=context.config.model_copy(update=rates), options=meta)
    return per_fedavg.local(shared, server, client, batches, start)


def personalize(
    shared: SharedModel, server: AdapterTensors, client: Structure, text: ClientText, context: MethodContext
) -> PersonalModel:
    return dynamic_marginals.from_start(shared, AdapterTensors(*server), text, context)


def phone(shared: SharedModel, server: AdapterTensors, context: MethodContext) -> DeviceArtifact:
    return dynamic_marginals.device_artifact(shared, server, context)


METHOD = Method(
    name="thumbprint",
    title="Thumbprint",
    paper="Kneser, Peters and Klakow 1997; Fallah et al. 2020, arXiv:2002.07948; Jacobs et al. 1991; Mansour et al. "
    "2020, arXiv:2002.10619, section 5",
    personalize=personalize,
    phone=phone,
    local=local,
    fair=True,
    server=per_fedavg.server,
    history=True,
    neural_cache=True,
    learned_mixing=True,
    options=ThumbprintOptions,
    space={
        **FINE_TUNING_SEARCH_SPACE,
        "history.neural_cache.words": Choice((0, 2000)),
        "steps": Choice((0, 5, 10)),
        "newest_words": Choice((500, 10_000)),
        "options.strength": Choice((0.0, 1.0)),
        "proximal": Range(1e-4, 1.0, log=True),
        "federated.rounds": Choice((0, 30)),
        "history.strengths": Choice((1, 3, 5)),
        "swap_margin": Choice((0.0, 0.25, 0.5, 1.0)),
        "gate.margin": Choice((0.0, 1.0, 2.0)),
    },
    rounds=0,  # on real messages the shared model's own start was better: see docs/results.md
    recipe_alone=(
        *("steps", "passes", "learning_rate", "bias_rate", "proximal", "evidence"),
        *("newest_words", "holdout_share", "holdout_words"),
        *("options.strength", "options.pseudo_count"),
    ),
)
