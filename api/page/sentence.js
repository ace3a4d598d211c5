// What stands before the cursor, as the API takes it. A word is letters, digits and apostrophes.

const WORD_AT_END = /[\p{L}\p{M}\p{N}'’\u200d]+$/u;
const SENTENCE_END = /(^|[.!?…]\s+)$/;
const MOST_CONTEXT = 1000;
const MOST_PREFIX = 64;

/** Splits the text before the cursor into the message so far and what was typed of the next word. */
export function split(before) {
  const prefix = before.match(WORD_AT_END)?.[0] ?? "";
  const context = before.slice(0, before.length - prefix.length);
  if (prefix.length > MOST_PREFIX) return { context: before.slice(-MOST_CONTEXT), prefix: "" };
  return { context: context.slice(-MOST_CONTEXT), prefix };
}

/** Whether the next letter is a capital by itself. */
export function beginsSentence(before) {
  return SENTENCE_END.test(before);
}

/** Characters as a person counts them. */
export function characters(text) {
  return [...new Intl.Segmenter().segment(text)].length;
}
