// The three suggestions above the keyboard, from one model or, to compare them, from both.

import { element } from "./elements.js";

const SHOWN = 3;
const TITLES = { mine: "Mine", shared: "Shared" };
const LONG = 9; // longer words are shown in smaller letters
const SPEAK_AFTER = 600;

/** Sends `answered` after each answer, and `failed` (detail: the error) if the service does not answer. */
export class Suggestions extends EventTarget {
  #place;
  #spoken;
  #device;
  #composer;
  #whose = ["mine"];
  #twoWords = false;
  #wanted = false;
  #running = false;
  #requested = ""; // what the shown suggestions answer
  #answered = ""; // the text before the cursor that they complete
  #found = []; // the suggestions of each model
  #shown = ""; // what is shown: the same suggestions are not drawn again, so that one of them keeps the focus
  #speaking;

  constructor(place, spoken, device, composer) {
    super();
    this.#place = place;
    this.#spoken = spoken;
    this.#device = device;
    this.#composer = composer;
    place.addEventListener("pointerdown", (event) => event.preventDefault()); // the text field keeps its cursor
    composer.addEventListener("change", () => this.#request() === this.#requested || this.refresh());
  }

  /** Shows the suggestions of one model or of both: `["mine", "shared"]`. */
  set whose(whose) {
    this.#whose = whose;
    this.refresh();
  }

  /** Whether a suggestion may go on with a second word. */
  set twoWords(on) {
    this.#twoWords = on;
    this.refresh();
  }

  /** Requests new suggestions. At most one request runs and one waits, so fast typing does not pile up requests. */
  async refresh() {
    this.#wanted = true;
    if (this.#running) return;
    this.#running = true;
    try {
      while (this.#wanted) {
        this.#wanted = false;
        await this.#update();
      }
    } catch (error) {
      this.dispatchEvent(new CustomEvent("failed", { detail: error }));
    } finally {
      this.#running = false;
    }
  }

  async #update() {
    const whose = this.#whose;
    const { before, request } = this.#composer;
    this.#requested = this.#request();
    const requests = whose.map((each) => ({ ...request, k: SHOWN, personal: each === "mine", two_words: this.#twoWords }));
    const found = await this.#device.predict(requests);
    this.#answered = before;
    this.#found = found;
    this.dispatchEvent(new Event("answered"));
    const shown = JSON.stringify([whose, found], ["word", "text", "then", "probability"]);
    if (this.#shown === shown) return;
    this.#shown = shown;
    this.#show(whose, found);
  }

  #request() {
    return JSON.stringify([this.#whose, this.#twoWords, this.#composer.before]);
  }

  #show(whose, found) {
    const shared = new Set(found[whose.indexOf("shared")]?.map((each) => each.word));
    const compared = whose.length > 1;
    this.#place.replaceChildren(...whose.map((each, row) => this.#row(each, row, compared, shared)));
    this.#speak(whose.map((each, row) => `${compared ? `${TITLES[each]}: ` : ""}${found[row].map(written).join(", ")}`));
  }

  #row(whose, row, compared, shared) {
    const marked = ({ word }) => compared && whose === "mine" && !shared.has(word);
    const keys = this.#found[row].map((each, column) => this.#key(each, marked(each), () => this.#take(row, column)));
    const shown = element("div", {
      class: compared ? "row-of-words named" : "row-of-words",
      role: "group",
      "data-whose": whose,
      "aria-label": whose === "mine" ? "Suggestions of my keyboard" : "Suggestions of the shared model",
    });
    if (compared) shown.append(element("span", { class: "whose", "aria-hidden": "true" }, TITLES[whose]));
    shown.append(...keys);
    return shown;
  }

  #key(suggestion, own, onclick) {
    const percent = (100 * suggestion.probability).toPrecision(2);
    const look = `word${own ? " own" : ""}${written(suggestion).length > LONG ? " long" : ""}`;
    return element(
      "button",
      { type: "button", class: look, title: `probability ${percent} %`, onclick },
      written(suggestion),
    );
  }

  #take(row, column) {
    this.#composer.focus(); // first, so that the browser can undo the change
    const suggestion = this.#found[row][column];
    this.#composer.accept({ ...suggestion, text: written(suggestion) }, this.#answered);
  }

  /** Announces them to screen readers when the typing pauses, not at every letter. */
  #speak(lines) {
    clearTimeout(this.#speaking);
    this.#speaking = setTimeout(() => {
      const text = lines.filter((line) => line).join(". ");
      this.#spoken.textContent = text ? `Suggestions. ${text}` : "No suggestions";
    }, SPEAK_AFTER);
  }
}

/** What a tap on the key writes: one word, or two. */
function written({ text, then }) {
  return then ? `${text} ${then}` : text;
}
