"""Pre-training of a base on public text, before any federated training. Start with `pretrain.pretrain`."""
