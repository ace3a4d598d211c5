"""A plausible generated comparison, the same each time: 15 methods, 2 groups, and users who count in no figure."""

from __future__ import annotations

import numpy as np

from device_runtime.simulation.report import CorpusInfo
from keyboard_model.metrics import Estimate
from keyboard_model.user_statistics import mean
from thumbprint.comparison.results import (
    QUICK,
    ClientResult,
    Communication,
    Comparison,
    CurvePoint,
    DriftPoint,
    MethodResult,
    ScarcityPoint,
    Skipped,
    StoredAs,
)

# The change of the probability of a hit by each method: mean and standard deviation over users.
EFFECTS = {
    "global_only": (0.0, 0.0), "local_only": (-0.09, 0.04), "centralized": (0.012, 0.01), "fine_tuning": (0.012, 0.03),
    "ditto": (0.014, 0.02), "fed_per": (0.01, 0.03), "per_fedavg": (0.02, 0.02), "apfl": (0.006, 0.02),
    "mixture": (0.022, 0.02), "clustered": (0.003, 0.01), "multi_task": (0.012, 0.02), "user_history": (0.04, 0.02),
    "thumbprint": (0.055, 0.012), "fine_tuning+q1": (0.008, 0.02), "fine_tuning+agnostic": (0.005, 0.015),
}  # fmt: skip
FORMS = (("fp32", 36_000, 0), ("fp16", 18_000, 0.0001), ("int8", 9_400, 0.0004), ("sparse_bias", 6_000, 0.006))
ONLY_TFF = ("centralized", "clustered", "fed_per")
NAMES = ("India", "india", "Singapore", "United States", "Nepal", None)


def _population(rng, users):
    population = []
    for i in range(users):
        words = 0 if i == 3 else int(rng.lognormal(5.4, 0.8)) + 1
        chances = np.clip(rng.normal(0.25, 0.05), 0.05, 0.6)
        group = "new_phone" if i % 3 == 0 else "seen"
        shared = rng.random(words) < chances
        population.append((f"user-{i:03}", group, 5 if i == 7 else 20 + words // 4, words, shared, chances))
    return population


def _row(rng, user, effect):
    name, group, messages, words, shared, chances = user
    change = rng.normal(*effect)
    flip = rng.random(words) < abs(change) / (1 - chances if change > 0 else chances)
    personal = shared | flip if change > 0 else shared & ~flip
    noise = rng.random(words) < (0.02 if effect[1] else 0)
    personal = personal ^ noise
    first = personal & (rng.random(words) < 0.55)
    saved = int(5.1 * words * min(0.9, 0.2 + 0.8 * (personal.mean() if words else 0)))
    return ClientResult(
        user_id=name, group=group, messages=messages, words=words,
        hits_at_1=int(first.sum()), hits_at_3=int(personal.sum()),
        characters=int(5.1 * words), characters_saved=saved, taps=saved // 3,
        gained=int((personal & ~shared).sum()), lost=int((shared & ~personal).sum()),
    )  # fmt: skip


def _communication(name):
    if name == "local_only":
        return None
    size, rounds = (4_100_000, 300) if "+" not in name else (4_300_000, 320)
    curve = [
        CurvePoint(round=r, bytes=2 * size * 10 * r, recall_at_3=0.26 * (1 - 0.8 ** (r / 12)))
        for r in range(0, rounds, 20)
    ]
    total = 2 * size * 10 * rounds
    extra = total // 9 if name in ("ditto", "per_fedavg", "apfl") else 0
    return Communication(
        bytes_up_a_round=size, bytes_down_a_round=size, rounds=rounds, cohort=10,
        bytes_per_client=(total + extra) / 200, bytes_total=total + extra, curve=curve,
    )  # fmt: skip


def _method(rng, name, population):
    effect = EFFECTS[name]
    own = name not in ("global_only", "centralized", "clustered", "local_only")
    return MethodResult(
        name=name, paper=f"Somebody et al. 20{len(name)}", where="tff" if name in ONLY_TFF else "phone",
        on_device=name not in ONLY_TFF, trials=0 if name == "global_only" else 3,
        settings={"steps": 10, "learning_rate": 0.3, "gate": True, "order": None} if own else {},
        clients=[_row(rng, user, effect) for user in population],
        communication=_communication(name),
        storage=[
            StoredAs(form=form, bytes_p50=size, bytes_max=size + 900, recall_at_3=0.25 + effect[0] - loss)
            for form, size, loss in FORMS
        ] if own else [],
        scarcity=[
            ScarcityPoint(
                messages_seen=seen, users=40 - k * 6,
                gain=mean([float(g) for g in rng.normal(effect[0] * (k - 0.5) / 3, 0.02, 40 - k * 6)]),
                recall_at_3=0.25 + effect[0] * k / 4,
            )
            for k, seen in enumerate((5, 10, 30, 100, 300))
        ] if own else [],
        drift=[
            DriftPoint(
                steps=k,
                own_gain=Estimate(effect[0] * (1 - 0.8**k), None, None),
                others_change=Estimate(-0.002 * k, -0.1, 0.1),
            )
            for k in (0, 1, 2, 5, 10, 20)
        ] if own and name != "user_history" else [],
    )  # fmt: skip


def comparison(users=60, methods=tuple(EFFECTS), synthetic=False, profiles=True, min_messages=20, seed=5):
    """Builds a comparison of `users` users, a third of them new phones. user-003 has no word, user-007 few messages."""
    population = _population(np.random.default_rng(seed), users)
    return Comparison(
        corpus=CorpusInfo(id="c" * 64, description="made-up users", synthetic=synthetic),
        seed=seed,
        min_messages=min_messages,
        budget=QUICK,
        methods=[_method(np.random.default_rng(seed + 1 + i), name, population) for i, name in enumerate(methods)],
        skipped=[Skipped(name="fed_recon", reason="no trial finished")],
        profiles={
            name: {"country": NAMES[i % 6], "gender": ("female", "male", None)[i % 3], "rare": "x" if i == 1 else None}
            for i, (name, *_) in enumerate(population)
        }
        if profiles
        else {},
    )


def comparisons_with_little_data():
    """Builds comparisons that lack methods, users, the reference or profiles, by what they lack."""
    return {
        "no method": comparison(methods=()),
        "no user": comparison(users=0, methods=("global_only", "ditto")),
        "one user": comparison(users=1, methods=("global_only", "ditto"), synthetic=True),
        "no reference": comparison(users=9, methods=("ditto",)),
        "no profile": comparison(users=9, methods=("global_only", "centralized"), profiles=False),
    }
