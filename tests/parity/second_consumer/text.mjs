// "Reading text": a message becomes words, marks and placeholders.

const NAMED = new Map();
for (const [mark, characters] of [
  ['.', '.…。｡।॥۔։።។᠃።᭞꓿꘎'],
  [',', ',，、､،၊᠂፣꓾꘍'],
  ['?', '?？؟⁇⁈፧꘏'],
  ['!', '!！‼⁉'],
]) {
  for (const character of characters) NAMED.set(character, mark);
}
const INVISIBLE = new RegExp(
  '[\\p{Cf}\\u034f\\u115f\\u1160\\u17b4\\u17b5\\u180b-\\u180f\\u2060-\\u206f\\ufe00-\\ufe0f\\ufff0-\\ufffb' +
    '\\u{e0000}-\\u{e0fff}]+',
  'gu',
);
const EMOJI = new RegExp(
  '^[©®‼⁉™ℹ\\u2194-\\u2199\\u21a9\\u21aa\\u231a\\u231b\\u2328\\u23cf\\u23e9-\\u23f3\\u23f8-\\u23fa\\u24c2\\u25aa\\u25ab' +
    '\\u25b6\\u25c0\\u25fb-\\u25fe\\u2600-\\u27bf\\u2934\\u2935\\u2b05-\\u2b07\\u2b1b\\u2b1c\\u2b50\\u2b55\\u3030\\u303d' +
    '\\u3297\\u3299\\u{1f000}-\\u{1faff}]',
  'u',
);
const EMOJI_LETTER = /[0-9#*]\ufe0f?\u20e3|[\u2139\u3297\u3299]/gu;
const MONGOLIAN = /^[\u1800-\u180a\u1810-\u18af]/u;
const JOINING =
  /^[\u0620-\u064a\u066e-\u06d3\u06d5\u06ee-\u06fc\u0710-\u074f\u0750-\u077f\u07ca-\u07ea\u0840-\u0855\u0860-\u086a\u08a0-\u08c9\u{1e900}-\u{1e943}]/u;
const JOINS_NOTHING_AFTER = new RegExp(
  '^[\\u0621-\\u0625\\u0627\\u0629\\u062f-\\u0632\\u0648\\u0671-\\u0677\\u0688-\\u0699\\u06c0\\u06c3-\\u06cb\\u06cd\\u06cf' +
    '\\u06d2\\u06d3\\u06d5\\u06ee\\u06ef\\u0710\\u0715-\\u0719\\u071e\\u0728\\u072a\\u072c\\u072f\\u074d\\u0759-\\u075b' +
    '\\u076b\\u076c\\u0771\\u0773\\u0774\\u0778\\u0779\\u08aa-\\u08ac\\u08ae\\u08b1\\u08b2\\u08b9]',
  'u',
);
const LETTER = '[[\\p{L}\\p{N}]--[\\u3164\\uffa0]]';
const EXTEND = '[[\\p{M}--[\\ufe00-\\ufe0f]]\\u180e\\u200c\\u200d\\u055b\\u055c\\u055e]';
const RUN = `${LETTER}+(?:${EXTEND}+${LETTER}*)*`;
const UNIT = new RegExp(
  '(?<placeholder><#>|<[A-Za-z]{2,12}>)' +
    `|(?<word>${RUN}(?:(?:'(?=${LETTER})|(?<!\\p{Nd})[\\u00b7\\u2027\\u05f4\\u055f](?=[\\p{L}\\p{Nl}\\p{No}]))${RUN})*` +
    '(?:(?<=[\\u05d0-\\u05ea])\\u05f3)?)' +
    `|(?<mark>(?!${EXTEND})[^\\p{White_Space}\\u001c-\\u001f'\\u0f0b\\u0f0c\\u1361\\u2800\\u3164\\uffa0]` +
    `[${EXTEND}\\ufe0e\\ufe0f\\u{1f3fb}-\\u{1f3ff}\\u{e0020}-\\u{e007f}]*)`,
  'gv',
);
const APOSTROPHES = new RegExp(
  `(?<=[\\p{L}\\p{N}[\\p{M}--[\\ufe00-\\ufe0f]]])[\`\\u00b4\\u02bb\\u02bc\\u055a\\u05f3\\u2018\\u201b\\u2032\\uff07](?=[\\p{L}\\p{Nl}\\p{No}])`,
  'gv',
);
const LOOKALIKE = new RegExp(
  '[\\u00b5\\u0132\\u0133\\u013f\\u0140\\u01c4-\\u01cc\\u01f1-\\u01f3\\ufb00-\\ufb06\\ufb13-\\ufb17' +
    '\\ufb50-\\ufbb1\\ufbd3-\\ufc5d\\ufc64-\\ufd3d\\ufd50-\\ufdf9\\ufe80-\\ufefc]',
  'gu',
);
const UNSPACED = new RegExp(
  '[\\u0e00-\\u0eff\\u1000-\\u109f\\u1780-\\u17ff\\u1950-\\u19df\\u1a20-\\u1aaf\\u3040-\\u30ff\\u31f0-\\u31ff\\u3400-\\u9fff' +
    '\\ua9e0-\\ua9ff\\uaa60-\\uaa7f\\uf900-\\ufaff\\uff66-\\uff9f\\u{1b000}-\\u{1b16f}\\u{20000}-\\u{3ffff}]',
  'u',
);
const MAX_LETTERS = 48;
const breaker = new Intl.Segmenter('en', { granularity: 'word' });
const viramas = new Set(); // canonical combining class 9: listed, because JavaScript does not offer the class
for (const code of [
  0x94d, 0x9cd, 0xa4d, 0xacd, 0xb4d, 0xbcd, 0xc4d, 0xccd, 0xd3b, 0xd3c, 0xd4d, 0xdca, 0xe3a, 0xeba, 0xf84, 0x1039, 0x103a,
  0x1714, 0x1715, 0x1734, 0x17d2, 0x1a60, 0x1b44, 0x1baa, 0x1bab, 0x1bf2, 0x1bf3, 0x2d7f, 0xa806, 0xa82c, 0xa8c4, 0xa953,
  0xa9c0, 0xaaf6, 0xabed,
]) {
  viramas.add(String.fromCodePoint(code));
}

export function normalize(text) {
  let visible = text
    .normalize('NFC')
    .replace(LOOKALIKE, (character) => character.normalize('NFKC'))
    .normalize('NFC');
  for (let before; before !== visible; ) {
    before = visible;
    visible = before.replace(INVISIBLE, kept).normalize('NFC');
  }
  return visible
    .replaceAll('’', "'")
    .replace(APOSTROPHES, "'")
    .replace(/(?<=[\u05d0-\u05ea\u0591-\u05c7])["\u201c-\u201f](?=[\u05d0-\u05ea])/gu, '\u05f4');
}

/** What stays of a run of invisible characters. */
function kept(run, at, text) {
  const before = [...text.slice(0, at)];
  const after = [...text.slice(at + run.length, at + run.length + 2)][0] ?? '';
  const last = before.at(-1);
  if (last === undefined) return '';
  if (EMOJI.test(last) || (after === '\u20e3' && /[0-9#*]/.test(last))) {
    const selector = run.match(/\ufe0f/u)?.[0] ?? run.match(/\ufe0e/u)?.[0] ?? '';
    const tags = last === '\u{1f3f4}' ? run.replace(/[^\u{e0020}-\u{e007f}]/gu, '') : '';
    return selector + tags + (run.includes('\u200d') && EMOJI.test(after) ? '\u200d' : '');
  }
  if (MONGOLIAN.test(last)) {
    const separates = run.includes('\u180e') && MONGOLIAN.test(after);
    return run.replace(/[^\u180b-\u180d\u180f]/gu, '') + (separates ? '\u180e' : '');
  }
  const joiner = run.match(/[\u200c\u200d]/u)?.[0] ?? '';
  return joiner && shows(before, joiner, after) ? joiner : '';
}

function shows(before, joiner, after) {
  const last = before.at(-1);
  if (viramas.has(last)) return joiner === '\u200d' || /^[\p{L}\p{M}]/u.test(after);
  if (viramas.has(after)) return /\p{L}/u.test(last);
  if (joiner === '\u200d') return false;
  const letter = before.findLast((character) => !/\p{M}/u.test(character)) ?? before[0];
  return JOINING.test(letter) && !JOINS_NOTHING_AFTER.test(letter) && JOINING.test(after) && !/[\u0621\u0674]/.test(after);
}

export function lowerCase(text) {
  return text.toLowerCase().replaceAll('i\u0307', 'i').replace(/[\u055b\u055c\u055e\u0640]/gu, '').normalize('NFC');
}

/** The units of a message: `{kind: 'word' | 'mark' | 'placeholder', text}`. */
export function units(message) {
  const found = [];
  const normal = normalize(message);
  // An emoji that begins with a letter or digit is read as another emoji of its length.
  const plain = normal.replace(EMOJI_LETTER, (emoji) => '❤'.padEnd(emoji.length, '\ufe0f'));
  for (const { groups, index } of plain.matchAll(UNIT)) {
    if (groups.placeholder) found.push({ kind: 'placeholder', text: '<#>' });
    else if (groups.word) {
      for (const { run, at } of words(groups.word)) found.push(...word(run, normal[index + at - 1]));
    } else {
      const sign = [...groups.mark][0];
      const mark = sign === ';' && isGreek(normal.slice(0, index)) ? '?' : (NAMED.get(sign) ?? ';');
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

function isGreek(before) {
  return /[\u0370-\u03ff\u1f00-\u1fff]$/u.test(before.trimEnd());
}

function word(run, before) {
  const text = lowerCase(run.endsWith('\u05f3') && before === '\u05f3' ? run.slice(0, -1) : run);
  if (!/[\p{L}\p{N}]/u.test(text)) return [];
  const characters = [...text];
  const letters = characters.filter((character) => !/\p{M}/u.test(character)).length;
  const tooLong = letters > MAX_LETTERS || characters.length > 4 * MAX_LETTERS;
  return [tooLong ? { kind: 'placeholder', text: '<#>' } : { kind: 'word', text }];
}

function words(run) {
  if (!UNSPACED.test(run)) return [{ run, at: 0 }];
  return Array.from(breaker.segment(run), ({ segment, index }) => ({ run: segment, at: index }));
}
