// "The n-grams": what the population types after one and after two pieces, mixed into the neural model's answer.

import { fromHalf } from './half.mjs';
import { readSafetensors } from './safetensors.mjs';

const TINY = 2 ** -126;

export class Ngrams {
  constructor(bytes, weight) {
    const { tensors } = readSafetensors(bytes);
    const data = (name) => tensors[name].data;
    this.weight = weight;
    this.unigram = data('unigram');
    this.levels = Object.fromEntries(
      ['bigrams', 'trigrams'].map((level) => [
        level,
        {
          contexts: data(`${level}.contexts`),
          starts: data(`${level}.starts`),
          pieces: data(`${level}.pieces`),
          shares: Float32Array.from(data(`${level}.shares`), fromHalf),
        },
      ]),
    );
  }

  /** Log-probabilities of the next piece after `ids`, of the neural model's; both `[V]`. */
  mix(ids, logProbs) {
    if (this.weight === 0) return logProbs;
    const [older, newer] = [ids[0], ...ids].slice(-2);
    const shares = this.distribution(older, newer);
    return logProbs.map((x, i) => Math.log(Math.max((1 - this.weight) * Math.exp(x) + this.weight * shares[i], TINY)));
  }

  distribution(older, newer) {
    const after = Float64Array.from(this.unigram);
    spread(this.levels.bigrams, newer, after);
    spread(this.levels.trigrams, older * this.unigram.length + newer, after);
    return after;
  }
}

function spread({ contexts, starts, pieces, shares }, context, below) {
  const at = find(contexts, context);
  if (at < 0) return;
  let left = 1;
  for (let i = starts[at]; i < starts[at + 1]; i++) left -= shares[i];
  below.forEach((p, x) => (below[x] = left * p));
  for (let i = starts[at]; i < starts[at + 1]; i++) below[pieces[i]] += shares[i];
}

function find(sorted, wanted) {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] < wanted) low = middle + 1;
    else high = middle;
  }
  return sorted[low] === wanted ? low : -1;
}
