"""What an adapter weighs in each form, and what that form costs in recall, on the phones themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from device_runtime.bundle import Bundle
from thumbprint.comparison.budget import ENOUGH
from thumbprint.comparison.on_phones import OnPhones
from thumbprint.comparison.results import StoredAs

_Form = Literal["fp32", "fp16", "int8", "sparse_bias"]
FORMS: dict[_Form, str] = {"fp32": "float32", "fp16": "float16", "int8": "int8", "sparse_bias": "sparse"}
"""The report's names, and the recipe's."""


def storage(phones: OnPhones, bundle: Bundle, users: Sequence[str]) -> list[StoredAs]:
    """Runs each user's phone with its adapter kept in each form; phones that kept no adapter weigh nothing."""
    found = []
    for name, form in FORMS.items():
        recipe = bundle.manifest.recipe.model_copy(update={"adapter_dtype": form})
        stored = replace(bundle, manifest=bundle.manifest.model_copy(update={"recipe": recipe}))
        measured = phones.shown_only(stored, phones.setting.simulated(users), ENOUGH)
        sizes = [trial.adapter_bytes for trial in measured if trial.adapter_bytes]
        if sizes:
            recall = float(np.mean([trial.personal.recall_at_3 for trial in measured]))
            found.append(StoredAs(form=name, bytes_p50=int(np.median(sizes)), bytes_max=max(sizes), recall_at_3=recall))
    return found
