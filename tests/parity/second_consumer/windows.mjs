// "Adapting", what is read: the newest messages, their tail held out, both packed into batches of windows.

/** Splits an owner's messages, oldest first, as an adaptation does: `{learnt, heldOut}`, encoded. */
export function parts(tokenizer, recipe, messages) {
  const chosen = [];
  let missing = recipe.newest_words;
  for (let i = messages.length - 1; i >= 0 && missing > 0; i--) {
    const encoded = tokenizer.encode(messages[i]);
    if (!encoded.words) continue;
    chosen.unshift(encoded);
    missing -= encoded.words;
  }
  let tail = 0;
  let words = 0;
  while (tail < Math.ceil(recipe.holdout_share * chosen.length - 1e-9) && words < recipe.holdout_words) {
    words += chosen[chosen.length - ++tail].words;
  }
  return { learnt: chosen.slice(0, chosen.length - tail), heldOut: chosen.slice(chosen.length - tail) };
}

/** Packs messages: `{batches: [{tokens, targets}], counted, words}`; words: each counted target's, by number. */
export function pack(messages, { batch, window, bos }) {
  const tokens = [];
  const targets = [];
  const words = [];
  let before = 0;
  for (const { ids, wordOf, words: own } of messages) {
    for (let i = 1; i < ids.length; i++) {
      tokens.push(ids[i - 1]);
      targets.push(wordOf[i] < 0 ? -1 : ids[i]);
      if (wordOf[i] >= 0) words.push(before + wordOf[i]);
    }
    before += own;
  }
  const size = batch * window;
  const batches = [];
  for (let at = 0; at < tokens.length; at += size) {
    batches.push({
      tokens: Int32Array.from({ length: size }, (_, i) => tokens[at + i] ?? bos),
      targets: Int32Array.from({ length: size }, (_, i) => targets[at + i] ?? -1),
    });
  }
  return { batches, counted: words.length, words };
}
