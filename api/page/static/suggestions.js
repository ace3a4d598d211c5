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
  #wanted = false;
  #running = false;
  #requested = ""; // the request that the shown suggestions answer
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
    const request = this.#composer.request;
    this.#requested = this.#request();
    const requests = whose.map((each) => ({ ...request, k: SHOWN, personal: each === "mine" }));
    const found = await this.#device.predict(requests);
    this.dispatchEvent(new Event("answered"));
    if (this.#shown === JSON.stringify([whose, found])) return;
    this.#shown = JSON.stringify([whose, found]);
    this.#show(whose, found);
  }

  #request() {
    return JSON.stringify([this.#whose, this.#composer.request]);
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

  /** Announces them to screen readers when the typing pauses, not at every letter. */
  #speak(lines) {
    clearTimeout(this.#speaking);
    this.#speaking = setTimeout(() => {
      const text = lines.filter((line) => line).join(". ");
      this.#spoken.textContent = text ? `Suggestions. ${text}` : "No suggestions";
    }, SPEAK_AFTER);
  }
}
