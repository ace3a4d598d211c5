from pathlib import Path

import pytest

from federated.corpus.importers.whatsapp import translations
from federated.corpus.importers.whatsapp.notices import normal
from federated.corpus.importers.whatsapp.translations import phrases

KINDS = sorted(path.stem for path in Path(translations.__file__).parent.glob("*.toml"))


@pytest.mark.parametrize("kind", KINDS)
def test_no_phrase_is_blank_or_one_that_people_write(kind):
    ordinary = {
        "ok",
        "yes",
        "no",
        "hi",
        "hola",
        "call",
        "photo",
        "video",
        "image",
        "audio",
        "sticker",
        "deleted",
        "left",
    }
    for phrase in phrases(kind):
        assert normal(phrase)
        assert normal(phrase) not in ordinary
