"""The tour's made-up messages and sentence, on a phone with the base that a service without a bundle offers."""

import json
import re
from pathlib import Path

import api.page
from device_runtime.bundle.loader import load_bundle
from device_runtime.inference.engine import Engine
from device_runtime.phone.phone import Phone
from keyboard_model import base_en

TOUR = (Path(api.page.__file__).parent / "static" / "tour.js").read_text(encoding="utf-8")


def test_the_sentence_shows_words_that_only_the_owner_s_keyboard_suggests(tmp_path: Path) -> None:
    messages = [json.loads(text) for text in re.findall(r'^  (".*"),$', TOUR, re.MULTILINE)]
    (sentence,) = re.findall(r'const SENTENCE = "(.*)";', TOUR)
    engine = Engine(load_bundle(base_en.BUNDLE, base_en.PUBLIC_KEY))
    with Phone.open(tmp_path / "phone", engine) as phone:
        phone.observe_many(messages)
        phone.adapt()
        own, shared = (
            {suggestion.word for suggestion in phone.predict(sentence, personal=personal)} for personal in (True, False)
        )
    assert len(messages) == 30
    assert own - shared == {"red", "boathouse"}
