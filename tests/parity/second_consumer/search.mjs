// "Predicting", the search: the k most probable whole words, spelt piece by piece.

import { isOneWord } from './text.mjs';

const MAX_EXPANSIONS = 32;

export class Search {
  /** `logProbs(pieces)`: of the piece after the context and these pieces of a word. */
  constructor(tokenizer, logProbs, mixture, prefix, k) {
    Object.assign(this, { tokenizer, logProbs, mixture, prefix, k });
    this.found = new Map();
    this.pending = new Map(); // beginnings of the owner's longer words, and what they end in
  }

  /** Returns `[[word, probability]]`, the most probable first, ties by the alphabet. */
  async run() {
    const first = await this.logProbs([]);
    for (const [id, text] of this.tokenizer.endings()) this.offer(text, [id], first[id]);
    for (const [word, share] of this.mixture.extra) {
      const spelling = this.tokenizer.spell(word);
      if (spelling.length > 1 && share > 0 && word.startsWith(this.prefix) && isOneWord(word)) {
        this.found.set(word, share);
        const beginning = spelling.slice(0, -1).join();
        this.pending.set(beginning, [...(this.pending.get(beginning) ?? []), [spelling.at(-1), word]]);
      }
    }
    const open = this.openings({ pieces: [], text: '', logProb: 0 }, first);
    for (let i = 0; i < MAX_EXPANSIONS && open.length; i++) {
      const node = takeBest(open);
      if (this.mixture.scale * Math.exp(node.logProb) <= this.kth()) break;
      const next = await this.logProbs(node.pieces);
      for (const [id, word] of this.pending.get(node.pieces.join()) ?? []) {
        this.offer(word, [...node.pieces, id], node.logProb + next[id]);
      }
      for (const [id, text] of this.tokenizer.endings()) {
        this.offer(node.text + text, [...node.pieces, id], node.logProb + next[id]);
      }
      open.push(...this.openings(node, next));
    }
    return this.best();
  }

  offer(word, pieces, logProb) {
    if (!word.startsWith(this.prefix)) return;
    const score = this.mixture.scale * Math.exp(logProb) + (this.mixture.extra.get(word) ?? 0);
    if (score > this.kth() && this.tokenizer.spell(word).join() === pieces.join() && isOneWord(word)) {
      this.found.set(word, score);
    }
  }

  /** The continuations of a beginning that agree with what was typed. */
  openings(node, logProbs) {
    const agree = ([, text]) => text.startsWith(this.prefix) || this.prefix.startsWith(text);
    return this.tokenizer
      .openings()
      .map(([id, text]) => [id, node.text + text])
      .filter(agree)
      .map(([id, text]) => ({ pieces: [...node.pieces, id], text, logProb: node.logProb + logProbs[id] }));
  }

  kth() {
    const best = this.best();
    return best.length === this.k ? best.at(-1)[1] : 0;
  }

  best() {
    return [...this.found].sort(([a, p], [b, q]) => q - p || (a < b ? -1 : 1)).slice(0, this.k);
  }
}

function takeBest(open) {
  let best = 0;
  open.forEach((node, i) => {
    if (node.logProb > open[best].logProb) best = i;
  });
  return open.splice(best, 1)[0];
}
