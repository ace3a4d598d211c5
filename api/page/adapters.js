// Every adaptation there was, with the gate's verdict, and the way back to an earlier adapter.

import { element } from "./element.js";

const SHARED = 0; // the id of the shared model's own adapter

/** Sends a `changed` event when another adapter is in use. */
export class Adapters extends EventTarget {
  #device;
  #at;

  /** `at`: `{past, list, status}`. */
  constructor(device, at) {
    super();
    this.#device = device;
    this.#at = at;
  }

  async show() {
    const { entries, adapter_id: used } = await this.#device.adapters();
    this.#at.past.hidden = entries.length === 0;
    const shared = this.#item("The shared model’s own", "", SHARED, SHARED === used, true);
    const items = entries.map((entry) => this.#item(when(entry), told(entry), entry.id, entry.id === used, entry.stored));
    this.#at.list.replaceChildren(...items, shared);
  }

  #item(name, verdict, id, used, stored) {
    const words = element("span", { class: "name" }, name, element("span", { class: "soft" }, verdict));
    if (used) return element("li", {}, words, element("b", {}, "in use"));
    if (!stored) return element("li", {}, words);
    const back = element("button", { type: "button", "aria-label": `Go back to ${name}`, onclick: () => this.#back(id, name) }, "Go back");
    return element("li", {}, words, back);
  }

  async #back(id, name) {
    try {
      await this.#device.rollback(id);
      await this.show();
      this.#at.status.textContent = `In use now: ${name}.`;
      this.#at.past.querySelector("summary").focus({ preventScroll: true });
      this.dispatchEvent(new Event("changed"));
    } catch (error) {
      this.#at.status.textContent = error.message;
    }
  }
}

function when({ at, id }) {
  return `${new Date(at).toLocaleString(undefined, { dateStyle: "short", timeStyle: "short" })}, no. ${id}`;
}

function told({ verdict: { kept, reason, before, after }, cause }) {
  const why = cause === "asked" ? "" : ` (${cause})`;
  if (!kept) return `Not kept${why}: ${reason}.`;
  return before === null || after === null ? `Kept${why}.` : `Kept${why}: ${before.toFixed(2)} → ${after.toFixed(2)} nats a word.`;
}
