// What the suggestions save, counted so that nothing is made to look better: every tap counts, on a letter, on a
// suggestion, on shift and on backspace, and so does every character that was pasted.

import { characters } from "./sentence.js";

/** Sends a `change` event after every tap. */
export class Keystrokes extends EventTarget {
  #taps = 0;
  #sent = 0;

  /** Counts taps; pasted text counts one for each character. */
  tapped(times = 1) {
    this.#taps += times;
    this.dispatchEvent(new Event("change"));
  }

  /** Counts a message that leaves the text field: without the space that a suggestion left at its end. */
  sent(text) {
    this.#sent += characters(text.trimEnd());
  }

  /** `{taps, characters, percent}`; `text` is what stands in the text field. Returns null as long as there is nothing to say. */
  saved(text) {
    const written = this.#sent + characters(text);
    if (!written || !this.#taps) return null;
    const share = Math.round((100 * (written - this.#taps)) / written);
    return { taps: this.#taps, characters: written, percent: share };
  }
}
