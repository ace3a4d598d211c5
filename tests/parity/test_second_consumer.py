"""The bundle's specification is enough: a program in another language, written from it, gives a phone's numbers.

`tests/parity/second_consumer` is JavaScript, runs the model in LiteRT.js (WebAssembly) and shares nothing with
`device_runtime`. What is compared are whole answers: the words on the keys, the verdict of an adaptation, its adapter.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from safetensors import safe_open

from device_runtime.adapter.adapter import Adapter
from device_runtime.adapter.files import load_adapter, save_adapter
from device_runtime.bundle.files import ADAPTER_INIT, MANIFEST, MODEL, NGRAM, SIGNATURE, TOKENIZER, read_files
from device_runtime.bundle.loader import (
    file_entries,
    load_bundle,
    load_initial_adapters,
    model_id,
    serialize_initial_adapters,
)
from device_runtime.bundle.signing_keys import SigningKeys, load_private
from device_runtime.inference.engine import Engine
from device_runtime.manifest import COMPONENTS, FEATURES, AdapterEncoding, Manifest
from device_runtime.phone.phone import Phone
from keyboard_model.ngram.kneser_ney import NgramCounts, kneser_ney, ngram_keys, ngram_occurrences
from keyboard_model.text.tokenizer import Tokenizer
from keyboard_model.text.units import units
from tests.support.device_runtime.bundle_parts import LEARNING_RECIPE, Content, Merge, merged, write_folder, write_zip

SOURCE = Path(__file__).parent / "second_consumer"
OFFLINE = ("ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ECONNRESET", "ETIMEDOUT", "ENETUNREACH")

PROBABILITY, LOSS = 1e-3, 1e-4
"""Relative."""
ADAPTER = 0.01
"""Of how far the adapter moved. Seen: 0.2 %. LiteRT's own two sets of CPU kernels, which round what they multiply with
an int8 weight in different ways, came out 0.4 % apart."""

RECIPE: Merge = merged(
    LEARNING_RECIPE["recipe"],
    {
        "proximal": 0.05,
        "evidence": 30.0,
        "history": {"strengths": 21, "strength_words": 5},
        "learning_rate": 20.0,
        "bias_rate": 20.0,
    },
)
"""An adaptation that moves far, and that the gate keeps."""

Ask = Callable[..., dict[str, Any]]


@pytest.fixture(scope="session")
def program(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The consumer, its packages beside it; the packages stay in pytest's cache for the next time."""
    node = shutil.which("node")
    if node is None or shutil.which("npm") is None:
        pytest.skip("the second consumer needs node and npm")
    if int(subprocess.check_output([node, "--version"], text=True).lstrip("v").split(".")[0]) < 20:
        pytest.skip("the second consumer needs node 20")
    folder = shutil.copytree(SOURCE, tmp_path_factory.mktemp("second") / "consumer")
    (folder / "node_modules").symlink_to(_packages(pytestconfig, folder) / "node_modules")
    return folder / "consumer.mjs"


def _packages(pytestconfig: pytest.Config, folder: Path) -> Path:
    lock = hashlib.sha256((SOURCE / "package-lock.json").read_bytes()).hexdigest()[:16]
    cache = getattr(pytestconfig, "cache", None)  # there is none with -p no:cacheprovider
    cached = (cache.mkdir("second_consumer") if cache else folder.parent) / lock
    if not cached.exists():
        building = Path(tempfile.mkdtemp(dir=cached.parent))  # moved in whole, for another test run may be at it, too
        for name in ("package.json", "package-lock.json"):
            shutil.copy(SOURCE / name, building)
        command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        installed = subprocess.run(command, cwd=building, capture_output=True, text=True)
        if installed.returncode and any(code in installed.stderr for code in OFFLINE):
            pytest.skip("the second consumer's packages are not here, and npm reaches no registry")
        assert installed.returncode == 0, installed.stderr
        with contextlib.suppress(OSError):  # the other run was first
            building.rename(cached)
    return cached


@pytest.fixture(scope="session")
def ask(program: Path, tiny_public_key: Path) -> Ask:
    """Puts one request to the consumer; a refusal is a RuntimeError with its message."""

    def asked(bundle: Path, key: Path = tiny_public_key, **request: Any) -> dict[str, Any]:
        ran = subprocess.run(
            ["node", str(program), str(bundle), str(key)],
            input=json.dumps(request),
            capture_output=True,
            text=True,
            timeout=120,
        )
        if ran.returncode:
            raise RuntimeError(ran.stderr)
        answer: dict[str, Any] = json.loads(ran.stdout)
        return answer

    return asked


@pytest.fixture(scope="session")
def messages(tiny_corpus: Path) -> list[str]:
    """What one person typed."""
    from federated.corpus.store import Corpus

    with Corpus.open(tiny_corpus) as corpus:
        return [message.text for message in corpus.messages(next(corpus.user_ids()))]


@pytest.fixture(scope="session")
def content(tiny_bundle: Path) -> Content:
    return read_files(tiny_bundle)


@pytest.fixture
def signed(tmp_path: Path, content: Content, tiny_keys: tuple[Path, Path]) -> Callable[..., Path]:
    """Writes a bundle of changed files and a changed manifest, signed."""

    def made(changes: Merge, files: Content | None = None, name: str = "made.bundle") -> Path:
        changed = content | (files or {})
        manifest = json.loads(changed[MANIFEST])
        manifest["files"] = {name: entry.model_dump() for name, entry in file_entries(changed).items()}
        manifest["model_id"] = model_id(changed)
        raw = json.dumps(merged(manifest, changes)).encode()
        return write_zip(tmp_path / name, {**changed, MANIFEST: raw, SIGNATURE: load_private(tiny_keys[0]).sign(raw)})

    return made


@pytest.fixture(scope="session")
def ngrams(content: Content, tiny_corpus: Path) -> bytes:
    """N-grams of all that was typed in the corpus, whoever typed it."""
    from federated.corpus.store import Corpus

    tokenizer = Tokenizer(content[TOKENIZER])
    with Corpus.open(tiny_corpus) as corpus:
        texts = [message.text for user in corpus.user_ids() for message in corpus.messages(user)]
    typed = [key for text in texts for found in ngram_occurrences(tokenizer.encode(text)) for key in ngram_keys(*found)]
    distinct, counts = np.unique(np.array(typed, np.int64), return_counts=True)
    pooled = NgramCounts(distinct, counts.astype(np.int64), np.ones_like(distinct))
    return kneser_ney([pooled], len(tokenizer), min_clients=1, max_ngrams=10_000).to_bytes()


@pytest.fixture
def keyboard(signed: Callable[..., Path], ngrams: bytes) -> Path:
    """A bundle that has all there is: n-grams, the owner's words, an adapter that the gate keeps."""
    return signed({"ngram_weight": 0.4, "recipe": RECIPE}, {NGRAM: ngrams})


CONTEXTS: list[dict[str, Any]] = [
    {"context": context, "prefix": prefix, "k": 3}
    for context, prefix in [
        ("", ""),
        ("see you", ""),
        ("i am", ""),
        ("i am", "h"),
        ("Are you coming?", "T"),
        ("what, no... <#>", ""),
        ("see you at home and then we go to the station " * 6, ""),
        ("see you", "tomor"),
        ("", "I\N{RIGHT SINGLE QUOTATION MARK}"),
    ]
]


def assert_same_keys(found: list[list[tuple[str, float]]], phone: Phone, engine: Engine, personal: bool) -> None:
    """The phone's own rules for typing errors and invented words, which the format leaves open, are left out."""
    learned = {entry.word for entry in phone.learned_words(None)} if personal else set()
    for asked, keys_found in zip(CONTEXTS, found, strict=True):
        wanted = {key.word: key.probability for key in phone.predict(**asked, personal=personal)}
        if asked["prefix"]:
            keys_found = [key for key in keys_found if engine.lexicon.piece_of(key[0]) >= 0 or key[0] in learned]
            wanted = {word: probability for word, probability in wanted.items() if word in dict(keys_found)}
        assert [word for word, _ in keys_found] == list(wanted), asked
        assert [p for _, p in keys_found] == pytest.approx(list(wanted.values()), rel=PROBABILITY)


def test_the_second_consumer_reads_text_as_the_phone_does(ask: Ask, tiny_bundle: Path, content: Content) -> None:
    texts = [
        "See you TOMORROW, ok?? ... <#> <URL> i'm '' don't_stop",
        "Zoë’s naïve café; ＡＢＣ １２３ ½ ⅷ",
        "วันนี้อากาศดี 今天天气很好。 こんにちは",
        "नमस्ते दुनिया। שלום, עולם! ΟΔΟΣ İstanbul",
        "\N{GRINNING FACE}\N{GRINNING FACE} (a)\x1c\x85b\ufeff\u200dc",
        "zzyzx qwrtplk 90210 supercalifragilistic",
        "❤️Zanna 1️⃣ok 👩\u200d👧\u200da 🏴\U000e0067\U000e007f ℹ️ see\u200b you\u200e so\u00adft",
        "می\u200cخواهم دا\u200cد ఫేస్\u200cబుక్ ശ്രീ അവന്\u200d ᠠ\u180b ᠠ\u180eᠠ",
        "don´t don`t ‘maybe’ 'maybe' togʻ oʻz col·legi 3·5 צה\"ל ג׳ ׳אולי׳ Πού είσαι; Ինչո՞ւ։ عـلـي ﬁ",
        "h" * 49 + " " + "가" * 48 + " བོད་ཡིག a\u3164b ሰላም፡ነው።",
        "",
    ]
    tokenizer = Tokenizer(content[TOKENIZER])
    for text, found in zip(texts, ask(tiny_bundle, texts=texts)["texts"], strict=True):
        assert [(unit["kind"], unit["text"]) for unit in found["units"]] == [
            (u.kind.value, u.text) for u in units(text)
        ]
        assert found["ids"] == tokenizer.encode(text).ids


def test_suggestions_of_the_shared_model_agree(ask: Ask, keyboard: Path, tiny_public_key: Path, tmp_path: Path) -> None:
    engine = Engine(load_bundle(keyboard, tiny_public_key))
    with Phone.open(tmp_path / "phone", engine) as phone:
        assert_same_keys(ask(keyboard, shared=CONTEXTS)["shared"], phone, engine, personal=False)


MIXING = np.random.default_rng(0).normal(0.0, 1.0, (COMPONENTS, 1 + FEATURES)).round(3).tolist()


@pytest.fixture
def mixing_keyboard(signed: Callable[..., Path], ngrams: bytes) -> Path:
    """A bundle with learned weights of the owner's words, and a neural cache."""
    history = {"mixing": MIXING, "neural_cache": {"words": 40, "weight": 0.5, "half": 5, "sharpness": 6.0}}
    recipe = merged(RECIPE, {"history": history, "swap_margin": 0.0})
    return signed({"ngram_weight": 0.4, "recipe": recipe}, {NGRAM: ngrams}, "mixing.bundle")


@pytest.mark.parametrize("kind", ["keyboard", "mixing_keyboard"])
def test_suggestions_with_a_history_agree_before_any_adaptation(
    ask: Ask,
    request: pytest.FixtureRequest,
    kind: str,
    tiny_public_key: Path,
    tmp_path: Path,
    messages: list[str],
) -> None:
    keyboard: Path = request.getfixturevalue(kind)
    engine = Engine(load_bundle(keyboard, tiny_public_key))
    with Phone.open(tmp_path / "phone", engine) as phone:
        phone.observe_many(messages)
        assert_same_keys(ask(keyboard, messages=messages, personal=CONTEXTS)["personal"], phone, engine, personal=True)


ALGORITHMS: dict[str, Merge] = {
    "none": {},
    "steps": {},
    "clusters": {"starts": 3},
    "interpolate": {"constants": {"grid": 9}, "bias_rate": 400.0},
    "apfl": {"constants": {"alpha": 0.5, "alpha_rate": 0.05}},
    "marginals": {"constants": {"strength": 1.0, "pseudo_count": 2.0}, "steps": 0},
    "mapper": {"constants": {"grid": 3}, "bias_rate": 400.0},
    "fed_em": {"constants": {"iterations": 5}, "starts": 3},
}


def _starts(content: Content, number: int) -> list[dict[str, npt.NDArray[np.float64]]]:
    """The bundle's start, and others that differ from it."""
    manifest = Manifest.model_validate_json(content[MANIFEST])
    (first,) = load_initial_adapters(content[ADAPTER_INIT], manifest.model, 1)
    rng = np.random.default_rng(0)
    return [
        {name: tensor + at * rng.normal(0, 0.1, tensor.shape) for name, tensor in first.tensors().items()}
        for at in range(number)
    ]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_an_adaptation_agrees(
    algorithm: str,
    ask: Ask,
    signed: Callable[..., Path],
    ngrams: bytes,
    content: Content,
    tiny_public_key: Path,
    tmp_path: Path,
    messages: list[str],
) -> None:
    recipe = merged(RECIPE, {"algorithm": algorithm, "adapter_dtype": "float32", **ALGORITHMS[algorithm]})
    files = {NGRAM: ngrams, ADAPTER_INIT: serialize_initial_adapters(_starts(content, int(recipe.get("starts", 1))))}
    bundle = signed({"ngram_weight": 0.4, "recipe": recipe}, files)
    stored = tmp_path / "theirs.safetensors"
    found = ask(
        bundle, messages=messages, adapt=True, personal=CONTEXTS, store={"path": str(stored), "form": "float32"}
    )
    made = load_bundle(bundle, tiny_public_key)
    engine = Engine(made)
    with Phone.open(tmp_path / "phone", engine) as phone:
        phone.observe_many(messages)
        verdict = phone.adapt().verdict
        theirs = load_adapter(stored, made.manifest.model, made.manifest.model_id)
        said = found["adaptation"]
        start = made.adapter_init.tensors()
        for name, ours in phone.adapter.tensors().items():
            apart, moved = (float(np.linalg.norm(ours - other[name])) for other in (theirs.tensors(), start))
            assert apart <= ADAPTER * moved
        assert (said["kept"], said["tailWords"]) == (verdict.kept, verdict.tail_words)
        assert (said["before"], said["after"]) == pytest.approx((verdict.before, verdict.after), rel=LOSS)
        assert_same_keys(found["personal"], phone, engine, personal=True)


def _metadata(path: Path) -> dict[str, str]:
    with safe_open(str(path), framework="numpy") as file:
        return dict(file.metadata())


@pytest.mark.parametrize("encoding", ["float32", "float16", "int8", "sparse"])
def test_each_program_reads_the_other_s_adapter_file(
    encoding: AdapterEncoding, ask: Ask, tiny_bundle: Path, tiny_public_key: Path, tmp_path: Path
) -> None:
    manifest = load_bundle(tiny_bundle, tiny_public_key).manifest
    shape, rng = manifest.model, np.random.default_rng(0)
    tensors = {
        "lora_a": rng.normal(0, 1, (shape.embedding, shape.rank)),
        "lora_b": rng.normal(0, 1e-3, (shape.rank, shape.embedding)),
        "bias": np.where(rng.random(shape.vocab) < 0.1, rng.normal(0, 1, shape.vocab), 1e-4),
    }
    adapter = Adapter(**{name: tensor.astype(np.float32) for name, tensor in tensors.items()})
    ours, theirs = tmp_path / "ours.safetensors", tmp_path / "theirs.safetensors"
    save_adapter(ours, adapter, manifest.model_id, encoding)
    ask(tiny_bundle, adapter=str(ours), store={"path": str(theirs), "form": encoding})
    read = load_adapter(theirs, shape, manifest.model_id)
    for name, tensor in adapter.stored_as(encoding).tensors().items():
        np.testing.assert_array_equal(read.tensors()[name], tensor)
    assert _metadata(ours) == _metadata(theirs)


def test_both_programs_accept_and_refuse_the_same_bundles(
    ask: Ask, content: Content, signed: Callable[..., Path], tiny_bundle: Path, tmp_path: Path
) -> None:
    stranger = SigningKeys.generate(tmp_path / "stranger")[1]
    changed = content | {MODEL: content[MODEL][:-1] + b"?"}
    refused: list[tuple[str, Path, dict[str, Any]]] = [
        ("the signature does not fit", tiny_bundle, {"key": stranger}),
        ("model.tflite is not the file", write_folder(tmp_path / "changed.bundle", changed), {}),
        ("these are not the six files", write_folder(tmp_path / "more.bundle", content | {"seventh": b""}), {}),
        ("another format", signed({"format": "other"}, name="format.bundle"), {}),
        ("format version 6", signed({"format_version": 6}, name="version.bundle"), {}),
        ("model_id", signed({"model_id": "0" * 64}, name="id.bundle"), {}),
    ]
    for reason, bundle, request in refused:
        with pytest.raises(RuntimeError, match=reason):
            ask(bundle, **request)
    assert ask(write_folder(tmp_path / "folder.bundle", content), texts=[""])["texts"][0]["units"] == []


def test_the_adapter_of_another_model_is_refused(
    ask: Ask, tiny_bundle: Path, tiny_public_key: Path, tmp_path: Path
) -> None:
    bundle, path = load_bundle(tiny_bundle, tiny_public_key), tmp_path / "adapter.safetensors"
    save_adapter(path, bundle.adapter_init, "0" * 64, "float32")
    with pytest.raises(RuntimeError, match="another model"):
        ask(tiny_bundle, adapter=str(path))
    save_adapter(path, bundle.adapter_init, bundle.manifest.model_id, "float32")
    damaged = bytearray(path.read_bytes())
    damaged[-1] ^= 1
    path.write_bytes(damaged)
    with pytest.raises(RuntimeError, match="damaged"):
        ask(tiny_bundle, adapter=str(path))
