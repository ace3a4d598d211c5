// "The owner's words", how strongly: the share of them that fits the newest messages best.

import { History } from './history.mjs';
import { recent } from './keyboard.mjs';
import { units } from './text.mjs';
import { parts } from './windows.mjs';

/** Returns s for an owner's messages, oldest first, under the adapter in use. */
export async function strengthOn(keyboard, messages, adapter) {
  const { recipe } = keyboard.manifest;
  const { strengths, strength_words } = recipe.history;
  const history = new History(recipe.history);
  const tail = messages.length - tailLength(keyboard.tokenizer, recipe, messages);
  const words = [];
  for (const [i, message] of messages.entries()) {
    const projections = await keyboard.projections(message);
    if (i >= tail) words.push(...(await chances(keyboard, history, message, projections, adapter)));
    history.observe(units(message), projections);
  }
  if (strengths === 1) return 1;
  if (words.length < strength_words) return 0.5;
  let best;
  for (let i = 0; i < strengths; i++) {
    const s = 1 - i / (strengths - 1);
    const loss = -words.reduce((all, [alone, mixed]) => all + Math.log((1 - s) * alone + s * mixed), 0);
    if (best === undefined || loss < best.loss) best = { s, loss };
  }
  return best.s;
}

/** How many of the newest messages the tail is, those without a word counted. */
function tailLength(tokenizer, recipe, messages) {
  let missing = parts(tokenizer, recipe, messages).heldOut.length;
  let length = 0;
  while (missing > 0) missing -= tokenizer.encode(messages[messages.length - ++length]).words > 0;
  return length;
}

/** Each word's probability by the model alone and with the owner's words. */
async function chances(keyboard, history, message, projections, adapter) {
  const { ids, wordOf, words } = keyboard.tokenizer.encode(message);
  const logs = new Array(words).fill(0);
  const starts = new Array(words);
  for (let i = 1; i < ids.length; i++) {
    if (wordOf[i] < 0) continue;
    const logProbs = await keyboard.logProbs(recent(ids.slice(0, i)), adapter);
    logs[wordOf[i]] += logProbs[ids[i]];
    starts[wordOf[i]] ??= logProbs;
  }
  const found = units(message);
  const positions = [...found.keys()].filter((at) => found[at].kind === 'word');
  return positions.map((at, word) => {
    const alone = Math.exp(logs[word]);
    const { scale, extra } = history.mixture(found.slice(0, at), projections[word], starts[word]);
    return [alone, scale * alone + (extra.get(found[at].text) ?? 0)];
  });
}
