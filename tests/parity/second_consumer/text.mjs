// "Reading text": a message becomes words, marks and placeholders.

const NAMED = new Map();
for (const [mark, characters] of [
  ['.', '.…。।۔'],
  [',', ',，、،'],
  ['?', '?？؟'],
  ['!', '!！'],
]) {
  for (const character of characters) NAMED.set(character, mark);
}
const UNIT = new RegExp(
  '(?<placeholder><#>|<[A-Za-z]{2,12}>)' +
    "|(?<word>(?:[\\p{L}\\p{N}'\\u200d]|(?=[\\u0300-\\u{1dfff}])[\\p{Mn}\\p{Mc}])+)" +
    '|(?<mark>[^\\p{White_Space}\\u001c-\\u001f])',
  'gu',
);
const UNSPACED = /[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\u{20000}-\u{3ffff}]/u;
const breaker = new Intl.Segmenter('en', { granularity: 'word' });

export function normalize(text) {
  return text.replace(/[’ʼ]/g, "'").normalize('NFC');
}

/** The units of a message: `{kind: 'word' | 'mark' | 'placeholder', text}`. */
export function units(message) {
  const found = [];
  for (const { groups } of normalize(message).matchAll(UNIT)) {
    if (groups.placeholder) found.push({ kind: 'placeholder', text: '<#>' });
    else if (groups.word) {
      for (const run of words(groups.word)) {
        const word = run.toLowerCase();
        if (/[\p{L}\p{N}]/u.test(word)) found.push({ kind: 'word', text: word });
      }
    } else {
      const mark = NAMED.get(groups.mark) ?? ';';
      const last = found.at(-1);
      if (last?.kind !== 'mark' || last.text !== mark) found.push({ kind: 'mark', text: mark });
    }
  }
  return found;
}

export function isOneWord(text) {
  const found = units(text);
  return found.length === 1 && found[0].kind === 'word' && found[0].text === text && normalize(text) === text;
}

function words(run) {
  return UNSPACED.test(run) ? Array.from(breaker.segment(run), ({ segment }) => segment) : [run];
}
