"""The settings of a pre-training, with defaults that work, and the file that holds them."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from federated.base import BaseError
from federated.settings import NotNegative, Positive, Share, Strict, read_settings


class VocabularyConfig(Strict):
    """The vocabulary of the base.

    Attributes:
        vocab_size: Most pieces.
        min_count: A word of the public text must occur so often.
        list_share: With a list of words that users typed: its share of the counts from which the pieces are chosen.
            The public text has the rest. Each source counts by its share, however long it is.
    """

    vocab_size: int = Field(8192, ge=300, le=65536)
    min_count: int = Field(2, ge=1)
    list_share: float = Field(0.5, ge=0, le=1)


class SizesConfig(Strict):
    """The sizes of the model, which a training from the base takes over (see `federated.job.ModelConfig`).

    Attributes:
        embedding: Numbers in the embedding of a piece.
        cells: Cells of the LSTM.
        int8: Whether the weights are stored in int8, in a quarter of the bytes (see `federated.model_file`).
    """

    embedding: int = Field(96, ge=4, le=1024)
    cells: int = Field(512, ge=4, le=4096)
    int8: bool = False


class CentralTrainingConfig(Strict):
    """Adam over shuffled batches of the text.

    Attributes:
        epochs: Passes over the text.
        batch: Windows in a step.
        window: Pieces in a window.
        learning_rate: Adam's, until `decay_from`.
        decay_from: Share of the steps after which the rate falls linearly, to a fiftieth at the end.
        clip: Largest norm of a gradient.
        dropout: Share of the features that a step leaves out.
        word_dropout: Share of the input pieces that a placeholder hides.
        validation_share: Share of the lines that are held out to measure the base.
    """

    epochs: int = Field(3, ge=1, le=1000)
    batch: int = Field(64, ge=1, le=4096)
    window: int = Field(20, ge=2, le=200)
    learning_rate: NotNegative = 2e-3
    decay_from: float = Field(0.3, ge=0, le=1)
    clip: Positive = 5.0
    dropout: Share = 0.1
    word_dropout: Share = 0.0
    validation_share: Share = 0.01


class PublicNgramConfig(Strict):
    """The n-grams of the public text.

    Attributes:
        min_count: Fewest occurrences of an n-gram.
        max_ngrams: Most bigrams and trigrams. If there are more, `min_count` is raised until the rest is few enough.
    """

    min_count: int = Field(2, ge=1)
    max_ngrams: int = Field(300_000, ge=1)


class Pretraining(Strict):
    """The settings of a pre-training.

    Attributes:
        name: Name of the base.
        seed: Decides the first weights, the order of the text and what is held out.
        vocabulary: The pieces.
        model: The sizes of the model.
        training: How the model is trained.
        ngram: The n-grams.

    >>> Pretraining(model=SizesConfig(cells=256)).training.epochs
    3
    """

    name: str = Field("base", pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,63}$")
    seed: int = Field(0, ge=0, lt=2**31)
    vocabulary: VocabularyConfig = VocabularyConfig()
    model: SizesConfig = SizesConfig()
    training: CentralTrainingConfig = CentralTrainingConfig()
    ngram: PublicNgramConfig = PublicNgramConfig()


def load_pretraining(path: Path) -> Pretraining:
    """Reads a file of settings (TOML).

    Raises:
        BaseError: see `federated.settings.read_settings`.
    """
    return read_settings(path, Pretraining, BaseError)
