// "Pieces": what of a SentencePiece BPE model a keyboard needs, read from the model file itself.

import { units } from './text.mjs';

const NORMAL = 1;
const BOUNDARY = '▁';

export class Tokenizer {
  constructor(bytes, bos) {
    this.bos = bos;
    this.pieces = [...readPieces(bytes)];
    this.ids = new Map(this.pieces.map(({ text }, id) => [text, id]));
    this.spelt = new Map();
  }

  /** A message, or the part of one before the cursor: ids, and for each the number of its word, -1 for none. */
  encode(message) {
    const ids = [this.bos];
    const wordOf = [-1];
    let words = 0;
    for (const { kind, text } of units(message)) {
      const spelling = kind === 'word' ? this.spell(text) : [this.ids.get(kind === 'mark' ? `<${text}>` : '<slot>')];
      for (const id of spelling) {
        ids.push(id);
        wordOf.push(kind === 'word' ? words : -1);
      }
      words += kind === 'word';
    }
    return { ids, wordOf, words };
  }

  /** The pieces of one lower-cased word. */
  spell(word) {
    if (!this.spelt.has(word))
      this.spelt.set(
        word,
        this.merge([...word, BOUNDARY]).flatMap((text) => this.idsOf(text)),
      );
    return this.spelt.get(word);
  }

  merge(symbols) {
    for (;;) {
      let best = -1;
      for (let i = 0; i + 1 < symbols.length; i++) {
        const score = this.score(symbols[i] + symbols[i + 1]);
        if (score !== undefined && (best < 0 || score > this.score(symbols[best] + symbols[best + 1]))) best = i;
      }
      if (best < 0) return symbols;
      symbols.splice(best, 2, symbols[best] + symbols[best + 1]);
    }
  }

  score(text) {
    const piece = this.pieces[this.ids.get(text)];
    return piece?.type === NORMAL ? piece.score : undefined;
  }

  idsOf(text) {
    if (this.score(text) !== undefined) return [this.ids.get(text)];
    return Array.from(Buffer.from(text), (byte) =>
      this.ids.get(`<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`),
    );
  }

  /** `[[id, text]]` of the pieces that end a word, text without the boundary. */
  endings() {
    return this.normal()
      .filter(([, text]) => text.endsWith(BOUNDARY))
      .map(([id, text]) => [id, text.slice(0, -1)]);
  }

  /** `[[id, text]]` of the pieces that begin a word or go on with it. */
  openings() {
    return this.normal().filter(([, text]) => !text.endsWith(BOUNDARY));
  }

  normal() {
    return this.pieces.map(({ text, type }, id) => [id, text, type]).filter(([, , type]) => type === NORMAL);
  }
}

/** ModelProto: field 1, repeated, is a piece: 1 its text, 2 its score (float), 3 its type (NORMAL where absent). */
function* readPieces(bytes) {
  for (const [field, value] of fields(bytes)) {
    if (field !== 1) continue;
    const piece = { text: '', score: 0, type: NORMAL };
    for (const [inner, content] of fields(value)) {
      if (inner === 1) piece.text = Buffer.from(content).toString('utf8');
      if (inner === 2) piece.score = Buffer.from(content).readFloatLE();
      if (inner === 3) piece.type = content;
    }
    yield piece;
  }
}

/** Protocol Buffers' wire format: `[field, bytes or number]`. */
function* fields(bytes) {
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++];
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
  };
  const take = (length) => bytes.subarray(at, (at += length));
  while (at < bytes.length) {
    const key = varint();
    const wire = key & 7;
    if (![0, 1, 2, 5].includes(wire)) throw new Error('the tokenizer is no Protocol Buffer');
    yield [key >>> 3, wire === 0 ? varint() : take(wire === 2 ? varint() : wire === 1 ? 8 : 4)];
  }
}
