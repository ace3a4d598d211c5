// The text field, which gets text from the on-screen keys, from a real keyboard and from suggestions, and the count of
// the taps for that. The service decides which characters before the cursor are the word being typed.

const NO_SPACE_BEFORE = ".,?!;:)";
const SENTENCE_END = /[.!?…։\u037e].*\s/su; // of the alphabets with capitals; the last is the Greek question mark
const LIST_LETTER = /(^|\n)\s*[\p{L}\p{N}]{1,3}\)\s+$/u; // the "a) " before an item
const MAX_CONTEXT = 1000;
const MAX_PREFIX = 64;
const NEAR = 100;

/** Sends a `change` event after every change, and a `send` event when the user sends the message. */
export class Composer extends EventTarget {
  #field;
  #keystrokes;
  #ownSpace = false; // whether a suggestion added the space before the cursor
  #writing = false; // whether the page itself changes the field

  constructor(field, keystrokes) {
    super();
    this.#field = field;
    this.#keystrokes = keystrokes;
    field.addEventListener("beforeinput", (event) => this.#beforeInput(event));
    field.addEventListener("input", (event) => this.#input(event));
    field.addEventListener("keydown", (event) => this.#keyDown(event));
    document.addEventListener("selectionchange", () => document.activeElement === field && this.#changed());
  }

  get text() {
    return this.#field.value;
  }

  get before() {
    return this.#field.value.slice(0, this.#field.selectionStart);
  }

  /** What the next prediction needs: `{context, prefix}`. */
  get request() {
    return split(this.before);
  }

  get beginsSentence() {
    return beginsSentence(this.before);
  }

  /** Types on the on-screen keys. */
  type(characters) {
    this.#keystrokes.tapped();
    if (!(this.#ownSpace && characters === " ")) {
      this.#removeOwnSpace(characters);
      this.#replace(this.#field.selectionStart, characters);
    }
    this.#ownSpace = false;
    this.#changed();
  }

  /** Replaces the whole text. Counts one tap a character, as for pasted text. */
  paste(text) {
    this.#keystrokes.tapped(characters(text));
    this.#field.value = text;
    this.#field.setSelectionRange(text.length, text.length);
    this.#ownSpace = false;
    this.#changed();
  }

  /** Deletes the selection, or one character (grapheme) before the cursor. */
  backspace() {
    this.#keystrokes.tapped();
    const last = [...new Intl.Segmenter().segment(this.before)].at(-1)?.segment ?? "";
    const { selectionStart: start, selectionEnd: end } = this.#field;
    this.#replace(start === end ? start - last.length : start, "");
    this.#ownSpace = false;
    this.#changed();
  }

  /**
   * Replaces the typed part of the word by a suggestion, and adds a space where one separates words.
   *
   * `answered`: the text before the cursor that the suggestion completes. If the text is now a different one, the
   * suggestion is written only if what was typed since then is still a beginning of it.
   */
  accept({ text, replaces, space_after: spaceAfter }, answered) {
    this.#keystrokes.tapped();
    const start = withoutLast(answered, replaces).length;
    const typed = this.before.slice(start);
    const same = this.before === answered;
    if (same || (this.before.startsWith(answered.slice(0, start)) && folded(text).startsWith(folded(typed)))) {
      const spaced = /^\s/.test(this.#field.value.slice(this.#field.selectionEnd));
      this.#ownSpace = this.#replace(start, text + (spaceAfter && !spaced ? " " : "")) && spaceAfter && !spaced;
    }
    this.#changed();
  }

  /** Empties the field after its text was sent. */
  clear() {
    this.#keystrokes.sent(this.text);
    this.#field.value = "";
    this.#ownSpace = false;
    this.#changed();
  }

  focus() {
    this.#field.focus({ preventScroll: true });
  }

  send() {
    if (this.text.trim()) this.dispatchEvent(new Event("send"));
  }

  /** Replaces everything from `start` (in UTF-16 units) to the cursor. Returns whether there was room for it. */
  #replace(start, text) {
    const end = this.#field.selectionEnd;
    const length = this.#field.value.length - (end - start) + text.length;
    if (length > this.#field.maxLength) return false;
    if (start === end && !text) return true;
    this.#writing = true;
    this.#field.setSelectionRange(start, end);
    // The browser can undo a command, but it gives commands only to the field with the focus.
    const focused = document.activeElement === this.#field;
    if (!focused || !document.execCommand(text ? "insertText" : "delete", false, text)) {
      this.#field.setRangeText(text, start, end, "end");
    }
    this.#writing = false;
    this.#field.scrollTop = this.#field.scrollHeight;
    return true;
  }

  /** Removes the space that a suggestion added if punctuation follows. */
  #removeOwnSpace(typed) {
    if (this.#ownSpace && NO_SPACE_BEFORE.includes(typed) && this.before.endsWith(" ")) {
      this.#replace(this.#field.selectionStart - 1, "");
    }
  }

  #beforeInput(event) {
    if (this.#writing || event.inputType !== "insertText") return;
    if (this.#ownSpace && event.data === " ") {
      event.preventDefault();
      this.#keystrokes.tapped();
      this.#ownSpace = false;
      this.#changed();
    } else {
      this.#removeOwnSpace(event.data ?? "");
    }
  }

  #input(event) {
    if (this.#writing) return;
    const pasted = event.inputType?.startsWith("insertFrom");
    this.#keystrokes.tapped(pasted ? characters(event.data ?? this.text) : 1);
    this.#ownSpace = false;
    this.#changed();
  }

  #keyDown(event) {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      this.send();
    }
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}

/** Counts every tap: on a letter, a suggestion, shift and backspace. Sends a `change` event after each. */
export class Keystrokes extends EventTarget {
  #taps = 0;
  #sent = 0;

  /** Counts taps. Pasted text counts one tap for each character. */
  tapped(times = 1) {
    this.#taps += times;
    this.dispatchEvent(new Event("change"));
  }

  /** Counts the characters of a sent message, without a space at its end that a suggestion added. */
  sent(text) {
    this.#sent += characters(text.trimEnd());
  }

  /** Returns `{taps, characters, percent}`, or null before the first tap. `text`: the text in the field, which also counts. */
  saved(text) {
    const written = this.#sent + characters(text);
    if (!written || !this.#taps) return null;
    const share = Math.round((100 * (written - this.#taps)) / written);
    return { taps: this.#taps, characters: written, percent: share };
  }
}

/** Splits the text before the cursor after its last space, as the API needs it. */
function split(before) {
  const prefix = last(before, MAX_PREFIX).match(/\S*$/)[0];
  return { context: last(before.slice(0, before.length - prefix.length), MAX_CONTEXT), prefix };
}

/** Returns the last `length` UTF-16 units of `text`, without half a character at the beginning. */
function last(text, length) {
  return text.slice(-length).replace(/^[\udc00-\udfff]/, "");
}

/** Returns `text` without its last `count` code points. */
function withoutLast(text, count) {
  const points = [...text];
  return points.slice(0, points.length - count).join("");
}

/** Returns `text` in the form in which the service compares words. */
function folded(text) {
  return text.normalize("NFC").replaceAll("’", "'").toLowerCase();
}

/** Returns whether the next letter starts a sentence: at the beginning of a line or after a sentence, marks left aside. */
function beginsSentence(before) {
  const near = last(before, NEAR);
  const marks = near.match(/[^\p{L}\p{N}]*$/u)[0];
  return marks === before || marks.includes("\n") || SENTENCE_END.test(marks) || LIST_LETTER.test(near);
}

/** Returns the number of characters (graphemes). */
function characters(text) {
  return [...new Intl.Segmenter().segment(text)].length;
}
