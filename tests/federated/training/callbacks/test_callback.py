"""A user can write a callback: the example in docs/training.md runs."""

import re
from pathlib import Path

PAGE = Path(__file__).parents[4] / "docs" / "training.md"
JOB = """
[tokenizer]
vocab_size = 400
[model]
embedding = 8
cells = 8
[training]
rounds = 40
server_learning_rate = 0
clients_per_round = 3
batch = 4
window = 8
max_windows = 8
"""


def test_the_documented_callback_stops_a_training(tiny_corpus, tmp_path, monkeypatch):
    (example,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "job.toml").write_text(JOB)
    (tmp_path / "corpus.sqlite").symlink_to(tiny_corpus)
    names: dict[str, object] = {}
    exec(example.replace("patience=100", "patience=1"), names)
    result = names["run"].result()
    assert (result.stopped_by, result.rounds < 40) == ("plateau", True)
