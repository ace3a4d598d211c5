// The text field: what is typed on the screen's keys, on real ones, or taken from a suggestion comes together here.

import { beginsSentence, characters, split } from "./sentence.js";

const CLOSES_UP = ".,?!;:)";

/** Sends a `change` event after every change, and `send` when the message is to go. */
export class Composer extends EventTarget {
  #field;
  #keystrokes;
  #ownSpace = false; // whether a suggestion left the space before the cursor

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

  get asked() {
    return split(this.before);
  }

  get beginsSentence() {
    return beginsSentence(this.before);
  }

  /** Types on the screen's keys. */
  type(characters) {
    this.#keystrokes.tapped();
    if (!(this.#ownSpace && characters === " ")) {
      this.#closeUp(characters);
      this.#replace(this.#field.selectionStart, characters);
    }
    this.#ownSpace = false;
    this.#changed();
  }

  /** Puts text in the place of what is there, counted as if it had been pasted. */
  paste(text) {
    this.#keystrokes.tapped(characters(text));
    this.#field.value = text;
    this.#field.setSelectionRange(text.length, text.length);
    this.#ownSpace = false;
    this.#changed();
  }

  /** Deletes the selection, or what a person calls one character before the cursor. */
  backspace() {
    this.#keystrokes.tapped();
    const last = [...new Intl.Segmenter().segment(this.before)].at(-1)?.segment ?? "";
    const { selectionStart: start, selectionEnd: end } = this.#field;
    this.#replace(start === end ? start - last.length : start, "");
    this.#ownSpace = false;
    this.#changed();
  }

  /** Puts a suggestion in the place of what was typed of the word, a space after it. */
  accept(suggestion) {
    this.#keystrokes.tapped();
    const { prefix } = this.asked;
    const after = this.#field.value.slice(this.#field.selectionEnd);
    this.#replace(this.#field.selectionStart - prefix.length, suggestion + (after.startsWith(" ") ? "" : " "));
    this.#ownSpace = !after.startsWith(" ");
    this.#changed();
  }

  /** Empties the field; what was in it has been sent. */
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

  /** A full stop takes the place of the space that a suggestion left. */
  #closeUp(typed) {
    if (this.#ownSpace && CLOSES_UP.includes(typed) && this.before.endsWith(" ")) {
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
      this.#closeUp(event.data ?? "");
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
