// Three keys over the keyboard, of one model or, to compare them, of both.

import { element } from "./element.js";

const SHOWN = 3;
const TITLES = { mine: "Mine", shared: "Shared" };
const LONG = 9; // letters from which on they are set smaller
const SPEAK_AFTER = 600;

/** Sends `answered`, and `failed` (detail: the error) where the service did not. */
export class Suggestions extends EventTarget {
  #place;
  #spoken;
  #device;
  #composer;
  #whose = ["mine"];
  #wanted = false;
  #running = false;
  #asked = ""; // the question that the keys answer
  #shown = ""; // what they show: the same again leaves them alone, and the focus that may be on one
  #speaking;

  constructor(place, spoken, device, composer) {
    super();
    this.#place = place;
    this.#spoken = spoken;
    this.#device = device;
    this.#composer = composer;
    place.addEventListener("pointerdown", (event) => event.preventDefault()); // the text field keeps its cursor
    composer.addEventListener("change", () => this.#question() === this.#asked || this.refresh());
  }

  /** Shows one model's keys, or both: `["mine", "shared"]`. */
  set whose(whose) {
    this.#whose = whose;
    this.refresh();
  }

  /** Asks anew. While an answer is awaited the latest question waits: typing fast never piles requests up. */
  async refresh() {
    this.#wanted = true;
    if (this.#running) return;
    this.#running = true;
    try {
      while (this.#wanted) {
        this.#wanted = false;
        await this.#ask();
      }
    } catch (error) {
      this.dispatchEvent(new CustomEvent("failed", { detail: error }));
    } finally {
      this.#running = false;
    }
  }

  async #ask() {
    const whose = this.#whose;
    const asked = this.#composer.asked;
    this.#asked = this.#question();
    const requests = whose.map((each) => ({ ...asked, k: SHOWN, personal: each === "mine" }));
    const found = await this.#device.predict(requests);
    this.dispatchEvent(new Event("answered"));
    if (this.#shown === JSON.stringify([whose, found])) return;
    this.#shown = JSON.stringify([whose, found]);
    this.#show(whose, found);
  }

  #question() {
    return JSON.stringify([this.#whose, this.#composer.asked]);
  }

  #show(whose, found) {
    const shared = new Set(found[whose.indexOf("shared")]?.map((each) => each.word));
    const compared = whose.length > 1;
    this.#place.replaceChildren(...whose.map((each, row) => this.#row(each, found[row], compared, shared)));
    this.#speak(whose.map((each, row) => `${compared ? `${TITLES[each]}: ` : ""}${found[row].map((key) => key.text).join(", ")}`));
  }

  #row(whose, found, compared, shared) {
    const keys = found.map((each) => this.#key(each, compared && whose === "mine" && !shared.has(each.word)));
    const row = element("div", {
      class: compared ? "row-of-words named" : "row-of-words",
      role: "group",
      "data-whose": whose,
      "aria-label": whose === "mine" ? "Suggestions of my keyboard" : "Suggestions of the shared model",
    });
    if (compared) row.append(element("span", { class: "whose", "aria-hidden": "true" }, TITLES[whose]));
    row.append(...keys);
    return row;
  }

  #key(suggestion, own) {
    const percent = (100 * suggestion.probability).toPrecision(2);
    const look = `word${own ? " own" : ""}${suggestion.text.length > LONG ? " long" : ""}`;
    return element(
      "button",
      { type: "button", class: look, title: `probability ${percent} %`, onclick: () => this.#take(suggestion.text) },
      suggestion.text,
    );
  }

  #take(text) {
    this.#composer.accept(text);
    this.#composer.focus();
  }

  /** A screen reader hears them when the typing rests, not at every letter. */
  #speak(lines) {
    clearTimeout(this.#speaking);
    this.#speaking = setTimeout(() => {
      const said = lines.filter((line) => line).join(". ");
      this.#spoken.textContent = said ? `Suggestions. ${said}` : "No suggestions";
    }, SPEAK_AFTER);
  }
}
