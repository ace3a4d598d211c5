"""The promise for every method that runs on a phone: from the bundle, LiteRT comes to TFF's personal model.

A method is trained for two rounds where it has any, three clients are personalized by the TFF computation, and
the exported bundle adapts on the same messages. As in `tests/parity/test_one_maths.py` the model is so small that
TFLite keeps its weights in float, so what is compared is the maths, to float32 rounding.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from device_runtime.adaptation import adapt
from device_runtime.adapter.adapter import Adapter
from device_runtime.bundle.loader import load_bundle
from device_runtime.inference.engine import Engine
from device_runtime.manifest import Provenance
from federated.algorithms.registry import METHODS
from federated.evaluation import personal_model, shared_model
from federated.evaluation.personal_model import TEST_WINDOWS
from federated.job import GateConfig, PersonalizationConfig
from federated.personalization import personalization_process
from federated.personalization.method import Method, SharedModel, Structure
from federated.personalization.program import TrainedMethod
from keyboard_model.batching import AdaptationWindow
from keyboard_model.model import cifg_lstm
from keyboard_model.model.adapter import AdapterTensors
from keyboard_model.text.tokenizer import Tokenizer, train
from tflite_export import export
from tflite_export.export import Converter, remembering
from thumbprint.pipeline.export import phone_part, recipe_of

E, H, R, B, T, STEPS, ROUNDS = 2, 5, 2, 2, 8, 5, 2
CONFIG = PersonalizationConfig(
    steps=STEPS,
    passes=4.0,
    learning_rate=1.0,
    bias_rate=10.0,
    proximal=0.02,
    clip=0.8,
    evidence=5.0,
    holdout_share=0.25,
    holdout_words=6,
    batch=B,
    window=T,
    adapter_dtype="float32",
    gate=GateConfig(min_words=1, margin=0.0),
)
CLIENTS = [
    ["see you at home, ok?", "ok see you later", "zzyzx at home", "home at <#> ok", "see you see you"] * 3,
    ["thanks!", "later thanks", "thanks ok", "see you later", "ok later thanks", "thanks"] * 2,
    # The tail is of another kind than what was learnt, so that moving all the way does not pay.
    ["thanks ok", "ok thanks", "thanks thanks"] * 3 + ["see you at home", "thanks", "see you at home later"],
]
ADAPTER_TOLERANCE = {"rtol": 1e-5, "atol": 1e-5}
"""The largest difference seen was 1.9e-6, on adapters moved by 2.5 to 5.6."""
LOSS_TOLERANCE = 1e-5
"""Relative."""


class Setting(NamedTuple):
    tokenizer: Tokenizer
    base: SharedModel
    keys: tuple[Path, Path]
    folder: Path


class Compared(NamedTuple):
    """One method: what TFF made of each client, and the phone that is to come to the same."""

    method: Method
    config: PersonalizationConfig
    in_tff: list
    engine: Engine


@pytest.fixture(scope="module")
def setting(tmp_path_factory: pytest.TempPathFactory, tiny_keys: tuple[Path, Path], execution: None) -> Setting:
    tokenizer = train({"see": 9, "you": 8, "at": 7, "home": 6, "ok": 5, "later": 4, "thanks": 3}, 400)
    vocab, rng = len(tokenizer), np.random.default_rng(0)
    shared = cifg_lstm.init(vocab, E, H, seed=0)
    assert max(part.size for part in shared) < 1024, "TFLite would make int8 of it"
    start = AdapterTensors(*(rng.normal(0, 0.3, shape).astype(np.float32) for shape in ((E, R), (R, E), (vocab,))))
    return Setting(tokenizer, SharedModel(shared, start), tiny_keys, tmp_path_factory.mktemp("every_method"))


@pytest.fixture(scope="module")
def converter() -> Converter:
    """Most methods leave the shared model as it is: its conversion, which takes seconds, is done once."""
    return remembering()


def learnt_in_rounds(setting: Setting, method: Method, config: PersonalizationConfig) -> Structure:
    """What the server holds after the method's rounds with all clients."""
    context = method.context(config, setting.tokenizer.bos)
    server = method.server(setting.base, context)
    if method.local is None:
        return server
    process = personalization_process.build(method, setting.base, context)
    data = [personal_model.adaptation_batches(setting.tokenizer, messages, config)[0] for messages in CLIENTS]
    state, clients = process.initialize(), [method.client(server, context)] * len(CLIENTS)
    for _ in range(ROUNDS):
        state, clients, measured = process.next(state, setting.base, clients, data)
        assert float(measured["broken_clients"]) == 0
    return process.server(state)


def personalized(setting: Setting, method: Method, config: PersonalizationConfig, server: Structure) -> list:
    """What TFF makes of the clients on new phones: adapter, and the tallies on what they typed."""
    context, tokenizer = method.context(config, setting.tokenizer.bos), setting.tokenizer
    computation = personal_model.build(method, setting.base, server, context, tokenizer)
    texts = [personal_model.adaptation_batches(tokenizer, messages, config) for messages in CLIENTS]
    learnt, held_out = map(list, zip(*texts, strict=True))
    tested = [shared_model.evaluation_batches(tokenizer, messages, TEST_WINDOWS, T) for messages in CLIENTS]
    states = [method.client(server, context)] * len(CLIENTS)
    return list(computation(setting.base, server, states, learnt, held_out, tested))


def exported(
    setting: Setting, method: Method, config: PersonalizationConfig, server: Structure, converter: Converter
) -> Engine:
    context = method.context(config, setting.tokenizer.bos)
    part = phone_part(method, setting.base, TrainedMethod(server, lambda client: ()), context)
    path = setting.folder / f"{method.name}.bundle"
    about = {"corpus_id": "0" * 64, "corpus": "none", "synthetic": True, "algorithm": "none", "rounds": 0, "seed": 0}
    export.export_bundle(
        path,
        name=method.name,
        parameters=part.parameters,
        tokenizer=setting.tokenizer,
        windows=(B, T),
        rank=R,
        starts=part.starts,
        recipe=recipe_of(config, method, part),
        provenance=Provenance(**about, epsilon=None, delta=None, thumbprint="0"),
        metrics={},
        private_key=setting.keys[0],
        converter=converter,
    )
    return Engine(load_bundle(path, setting.keys[1]))


@pytest.fixture(scope="module", params=sorted(name for name, method in METHODS.items() if method.phone is not None))
def compared(request: pytest.FixtureRequest, setting: Setting, converter: Converter) -> Compared:
    method = METHODS[request.param]
    config = CONFIG.model_copy(update={"method": method.name})
    server = learnt_in_rounds(setting, method, config)
    engine = exported(setting, method, config, server, converter)
    return Compared(method, config, personalized(setting, method, config, server), engine)


def on_phone(engine: Engine, messages: list[str]) -> Adapter:
    """The phone's adapter before the gate, which may prefer the old one."""
    bundle = engine.bundle
    recipe = bundle.manifest.recipe
    if recipe.trains_nothing:
        return bundle.adapter_init
    window = AdaptationWindow.of(messages, recipe.newest_words, recipe.holdout_share, recipe.holdout_words)
    learnt, held_out = window.pack(engine.tokenizer, engine.shape.window)
    return adapt.candidate_adapter(engine, recipe, learnt, held_out, bundle.starts)


@pytest.mark.parametrize("client", range(len(CLIENTS)))
def test_phone_and_tff_compute_the_same_adapter(compared: Compared, client: int) -> None:
    found = on_phone(compared.engine, CLIENTS[client])
    for name, tensor in found.tensors().items():
        expected = compared.in_tff[client]["adapter"][name]
        np.testing.assert_allclose(tensor, expected, **ADAPTER_TOLERANCE, err_msg=name)


@pytest.mark.parametrize("client", range(len(CLIENTS)))
def test_phone_and_tff_compute_the_same_losses(compared: Compared, client: int) -> None:
    adapter = on_phone(compared.engine, CLIENTS[client])
    tokenizer = compared.engine.tokenizer
    made = shared_model.evaluation_batches(tokenizer, CLIENTS[client], B, T)
    found = -sum(float(compared.engine.evaluate(batch.tokens, batch.targets, adapter).sum()) for batch in made)
    assert found == pytest.approx(float(compared.in_tff[client]["personal"]["loss_sum"]), rel=LOSS_TOLERANCE)


def test_adaptation_moves_each_client_differently(compared: Compared) -> None:
    """Otherwise the comparison above would hold for a phone that does nothing."""
    one, other = (on_phone(compared.engine, messages) for messages in CLIENTS[:2])
    moved = max(float(np.abs(one.tensors()[name] - other.tensors()[name]).max()) for name in one.tensors())
    if compared.engine.bundle.manifest.recipe.algorithm == "none":
        assert moved == 0
    else:
        assert moved > 10_000 * ADAPTER_TOLERANCE["atol"]


def test_the_bundle_uses_the_history_exactly_when_the_method_does(compared: Compared) -> None:
    history = compared.engine.bundle.manifest.recipe.history
    silent = history.cache_weight == 0 and np.isinf([history.concentration_2, history.concentration_3]).all()
    assert silent != compared.method.history
