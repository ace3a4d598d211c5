// "Similar contexts": the owner's newest words, weighed by how alike the model's projections before them are.

import { roundEven } from './half.mjs';

export class NeuralCache {
  constructor({ words, weight, half, sharpness }) {
    Object.assign(this, { words, largest: weight, half, sharpness, kept: [] });
  }

  add(projection, word) {
    if (!this.isOn()) return;
    this.kept.push({ word, direction: direction(projection).map((x) => roundEven(127 * x)) });
    if (this.kept.length > this.words) this.kept.shift();
  }

  isOn() {
    return this.words > 0 && this.largest > 0;
  }

  weight() {
    return this.kept.length ? (this.largest * this.kept.length) / (this.kept.length + this.half) : 0;
  }

  /** The largest cosine. */
  nearest(projection) {
    return Math.max(...this.cosines(projection));
  }

  cosines(projection) {
    const wanted = direction(projection);
    return this.kept.map((item) => item.direction.reduce((all, x, i) => all + x * wanted[i], 0) / 127);
  }

  /** The share of each word: Map(word -> number). */
  shares(projection) {
    const chances = this.cosines(projection).map((cosine) => Math.exp(this.sharpness * (cosine - 1)));
    const all = chances.reduce((sum, chance) => sum + chance, 0);
    const shares = new Map();
    this.kept.forEach(({ word }, i) => shares.set(word, (shares.get(word) ?? 0) + chances[i] / all));
    return shares;
  }
}

function direction(projection) {
  const length = Math.hypot(...projection);
  return [...projection].map((x) => x / length);
}
