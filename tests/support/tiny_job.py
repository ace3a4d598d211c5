"""A training job that takes seconds, as a job file."""

TINY_JOB = """
name = "tiny"
[tokenizer]
vocab_size = 400
[model]
embedding = 8
cells = 8
adapter_rank = 2
[training]
rounds = 2
clients_per_round = 4
batch = 4
window = 8
max_windows = 8
evaluate_every = 1
checkpoint_every = 1
[personalization]
history = { mixing = "pitman_yor" }
steps = 1
batch = 4
window = 8
"""
