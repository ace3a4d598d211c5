// "The owner's words": counts of what was typed, mixed in by p(w) = scale * P(w) + extra(w).

import { features, weights } from './mixing.mjs';
import { NeuralCache } from './neural_cache.mjs';

const START = '<s>';

export class History {
  constructor(recipe, strength = 1) {
    this.cacheWeight = recipe.cache_weight;
    this.cacheHalf = recipe.cache_half;
    this.discount = recipe.discount;
    this.concentrations = [recipe.concentration_2, recipe.concentration_3].map(Number); // "Infinity" is a string
    this.coefficients = recipe.mixing;
    this.strength = strength;
    this.similar = new NeuralCache(recipe.neural_cache);
    this.counts = new Map();
    this.total = 0;
    this.followers = [new Map(), new Map()];
  }

  /** Counts one message's units; `projections` has one for each word. */
  observe(units, projections) {
    let words = 0;
    let before = [START, START];
    for (const { kind, text } of units) {
      if (kind === 'word') {
        this.total++;
        count(this.counts, text);
        this.similar.add(projections[words++], text);
        [1, 2].forEach((length, order) => {
          const context = key(before, length);
          if (!this.followers[order].has(context)) this.followers[order].set(context, new Map());
          count(this.followers[order].get(context), text);
        });
      }
      before = [before[1], text];
    }
  }

  /**
   * How the owner's words weigh after these units: `{scale, extra: Map(word -> number)}`. `logProbs` are the model's, of
   * the piece after them.
   */
  mixture(units, projection, logProbs) {
    if (!this.total) return { scale: 1, extra: new Map() };
    const { scale, extra } = this.coefficients
      ? this.weighted(units, projection, logProbs)
      : this.smoothed(units, projection);
    for (const [word, share] of extra) extra.set(word, this.strength * share);
    return { scale: 1 - this.strength + this.strength * scale, extra };
  }

  weighted(units, projection, logProbs) {
    const before = [START, START, ...units.map(({ text }) => text)].slice(-2);
    const following = [1, 2].map((length, order) => this.followers[order].get(key(before, length)) ?? new Map());
    const similar = this.similar.weight() ? this.similar.shares(projection) : new Map();
    const distributions = [this.counts, ...following, similar].map((counts, i) => {
      const left = new Map([...counts].map(([word, n]) => [word, i === 1 || i === 2 ? Math.max(n - this.discount, 0) : n]));
      const whole = sum(left.values());
      return new Map([...left].map(([word, n]) => [word, n / whole]));
    });
    const x = features({
      total: this.total,
      followers: following.map((seen) => [...seen.values()]),
      cosine: this.similar.weight() ? this.similar.nearest(projection) : 0,
      cached: Math.max(0, ...similar.values()),
      atStart: units.length === 0,
      logProbs,
    });
    const [scale, ...others] = weights(this.coefficients, x, [true, ...distributions.map(({ size }) => size > 0)]);
    const extra = new Map([...this.counts.keys()].map((word) => [word, 0]));
    distributions.forEach((distribution, i) => {
      for (const [word, share] of distribution) extra.set(word, extra.get(word) + others[i] * share);
    });
    return { scale, extra };
  }

  smoothed(units, projection) {
    const weight = (this.cacheWeight * this.total) / (this.total + this.cacheHalf);
    const similar = this.similar.weight();
    const shares = similar ? this.similar.shares(projection) : new Map();
    let scale = (1 - weight) * (1 - similar);
    const extra = new Map();
    for (const [word, times] of this.counts) {
      extra.set(word, (weight * times) / this.total + (1 - weight) * similar * (shares.get(word) ?? 0));
    }
    const before = [START, START, ...units.map(({ text }) => text)].slice(-2);
    [1, 2].forEach((length, order) => {
      const followers = this.followers[order].get(key(before, length));
      const concentration = this.concentrations[order];
      if (!followers || concentration === Infinity) return;
      const whole = sum(followers.values()) + concentration;
      const passed = (concentration + this.discount * followers.size) / whole;
      scale *= passed;
      for (const [word, share] of extra) extra.set(word, share * passed);
      for (const [word, times] of followers) {
        extra.set(word, extra.get(word) + Math.max(times - this.discount, 0) / whole);
      }
    });
    return { scale, extra };
  }
}

function key(before, length) {
  return before.slice(-length).join(' '); // no unit holds a space
}

function count(counts, item) {
  counts.set(item, (counts.get(item) ?? 0) + 1);
}

function sum(numbers) {
  return [...numbers].reduce((all, number) => all + number, 0);
}
