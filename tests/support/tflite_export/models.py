"""A model small enough to export in a moment, its tokenizer and what a bundle says of it."""

from device_runtime.manifest import ModelShape, Provenance
from federated.algorithms import fine_tuning
from federated.job import PersonalizationConfig
from federated.personalization.method import DeviceArtifact
from keyboard_model.model import adapter, cifg_lstm
from keyboard_model.text import tokenizer
from thumbprint.pipeline.export import recipe_of

TOKENIZER = tokenizer.train({"see": 9, "you": 8, "home": 7, "ok": 6}, 400)
E, H, R, B, T = 16, 24, 2, 2, 6
SHAPE = ModelShape(vocab=len(TOKENIZER), embedding=E, cells=H, rank=R, batch=B, window=T, bos=TOKENIZER.bos)
PARAMETERS = cifg_lstm.init(len(TOKENIZER), E, H, seed=0)
START = adapter.init(len(TOKENIZER), E, R, seed=0)
RECIPE = recipe_of(PersonalizationConfig(), fine_tuning.METHOD, DeviceArtifact(PARAMETERS, (START,), "steps"))
PROVENANCE = Provenance(
    corpus_id="0" * 64,
    corpus="none",
    synthetic=True,
    algorithm="none",
    rounds=0,
    seed=0,
    epsilon=None,
    delta=None,
    thumbprint="0",
)
