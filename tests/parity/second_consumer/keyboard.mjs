// "Predicting": the context read through `step`, the shared and the personal search, and the three keys.

import { Search } from './search.mjs';
import { lowerCase, normalize, units } from './text.mjs';

const MAX_CONTEXT = 48;
const STRIDE = 16;
const WIDER = 7;
const NOBODY = { scale: 1, extra: new Map() };

export class Keyboard {
  constructor({ manifest, model, tokenizer, ngrams, starts }) {
    Object.assign(this, { manifest, model, tokenizer, ngrams, starts });
    this.memory = new Map(); // adapter -> ids -> what `step` gave there
  }

  /** The shared model's k words. */
  shared(context, prefix, k) {
    return this.search(context, prefix, k, this.starts[0], NOBODY);
  }

  /** The k words of one owner. */
  async personal(context, prefix, k, adapter, history) {
    const { ids } = this.tokenizer.encode(context);
    const logProbs = await this.logProbs(recent(ids), adapter);
    const mixture = history.mixture(units(context), await this.projection(ids), logProbs);
    const own = await this.search(context, prefix, k + WIDER, adapter, mixture);
    if (adapter === this.starts[0] && !history.total) return own.slice(0, k);
    return steady(await this.shared(context, prefix, k), own, this.manifest.recipe.swap_margin, k);
  }

  search(context, prefix, k, adapter, mixture) {
    const ids = recent(this.tokenizer.encode(context).ids);
    const logProbs = (pieces) => this.logProbs([...ids, ...pieces], adapter);
    return new Search(this.tokenizer, logProbs, mixture, lowerCase(normalize(prefix)), k).run();
  }

  /** Log-probabilities `[V]` of the piece after `ids`, the first of them BOS; n-grams mixed in. */
  async logProbs(ids, adapter) {
    const [logProbs] = await this.read(ids, adapter);
    return this.ngrams.mix(ids, logProbs);
  }

  /** The projection after the pieces of a message. */
  async projection(ids) {
    return (await this.read(recent(ids), this.starts[0]))[1].projection;
  }

  /** The projections before the words of a message. */
  async projections(message) {
    const { ids, wordOf, words } = this.tokenizer.encode(message);
    const found = [];
    for (let word = 0; word < words; word++) found.push(await this.projection(ids.slice(0, wordOf.indexOf(word))));
    return found;
  }

  async read(ids, adapter) {
    if (!this.memory.has(adapter)) this.memory.set(adapter, new Map());
    const known = this.memory.get(adapter);
    const key = ids.join();
    if (!known.has(key)) {
      const state = ids.length > 1 ? (await this.read(ids.slice(0, -1), adapter))[1] : this.model.zeroState();
      known.set(key, await this.model.step(ids.at(-1), state, adapter));
    }
    return known.get(key);
  }
}

/** The part of a message's ids that is read. */
export function recent(ids) {
  const excess = ids.length - MAX_CONTEXT;
  return excess <= 0 ? ids : [ids[0], ...ids.slice(1 + Math.ceil(excess / STRIDE) * STRIDE)];
}

/** The shared keys, but where a personal word is clearly more probable. */
function steady(shared, personal, margin, k) {
  const probability = new Map(personal);
  const least = personal.at(-1)?.[1] ?? 0;
  const chosen = new Map(shared.map(([word]) => [word, probability.get(word) ?? least]));
  for (const [word, chance] of personal) {
    if (chosen.has(word)) continue;
    if (chosen.size === k) {
      const [weakest, weight] = [...chosen].sort(([a, p], [b, q]) => p - q || (a < b ? -1 : 1))[0];
      if (chance <= (1 + margin) * weight) break;
      chosen.delete(weakest);
    }
    chosen.set(word, chance);
  }
  return [...chosen].sort(([a, p], [b, q]) => q - p || (a < b ? -1 : 1));
}
