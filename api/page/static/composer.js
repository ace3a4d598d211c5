// The text field, which gets text from the on-screen keys, from a real keyboard and from suggestions, and the count of
// the taps for that. A word is letters, digits and apostrophes.

const NO_SPACE_BEFORE = ".,?!;:)";
const WORD_AT_END = /[\p{L}\p{M}\p{N}'’\u200d]+$/u;
const SENTENCE_END = /(^|[.!?…]\s+)$/;
const MAX_CONTEXT = 1000;
const MAX_PREFIX = 64;

/** Sends a `change` event after every change, and a `send` event when the user sends the message. */
export class Composer extends EventTarget {
  #field;
  #keystrokes;
  #ownSpace = false; // whether a suggestion added the space before the cursor

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

  /** Replaces the typed part of the word by a suggestion and a space. */
  accept(suggestion) {
    this.#keystrokes.tapped();
    const { prefix } = this.request;
    const after = this.#field.value.slice(this.#field.selectionEnd);
    this.#replace(this.#field.selectionStart - prefix.length, suggestion + (after.startsWith(" ") ? "" : " "));
    this.#ownSpace = !after.startsWith(" ");
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

  #replace(start, text) {
    if (this.#field.value.length + text.length > this.#field.maxLength) return;
    this.#field.setRangeText(text, start, this.#field.selectionEnd, "end");
    this.#field.scrollTop = this.#field.scrollHeight;
  }

  /** Removes the space that a suggestion added if punctuation follows. */
  #removeOwnSpace(typed) {
    if (this.#ownSpace && NO_SPACE_BEFORE.includes(typed) && this.before.endsWith(" ")) {
      this.#replace(this.#field.selectionStart - 1, "");
    }
  }

  #beforeInput(event) {
    if (event.inputType !== "insertText") return;
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

/** Splits the text before the cursor into the context and the typed part of the next word, as the API needs them. */
function split(before) {
  const prefix = before.match(WORD_AT_END)?.[0] ?? "";
  const context = before.slice(0, before.length - prefix.length);
  if (prefix.length > MAX_PREFIX) return { context: before.slice(-MAX_CONTEXT), prefix: "" };
  return { context: context.slice(-MAX_CONTEXT), prefix };
}

/** Returns whether the next letter starts a sentence. */
function beginsSentence(before) {
  return SENTENCE_END.test(before);
}

/** Returns the number of characters (graphemes). */
function characters(text) {
  return [...new Intl.Segmenter().segment(text)].length;
}
