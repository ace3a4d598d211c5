// The words that the phone learned, each to be forgotten.

import { element } from "./element.js";

const SHOWN = 24;
const MOST = 1000;

/** Sends a `forgot` event when suggestions may have changed. */
export class Learned extends EventTarget {
  #device;
  #at;
  #shown = SHOWN;

  /** `at`: `{list, status, more}`. */
  constructor(device, at) {
    super();
    this.#device = device;
    this.#at = at;
    at.more.addEventListener("click", async () => {
      this.#shown = MOST;
      await this.show().catch((error) => this.#say(error.message));
      at.list.querySelectorAll("button")[SHOWN]?.focus();
    });
  }

  async show() {
    const words = await this.#device.words(this.#shown);
    this.#at.more.hidden = words.length < this.#shown || this.#shown === MOST;
    this.#at.list.replaceChildren(...words.map((word) => this.#item(word)));
    if (!words.length) this.#at.list.append(element("li", { class: "soft" }, "Nothing yet."));
  }

  #item({ word, times, known }) {
    const forget = element("button", { type: "button", "aria-label": `Forget ${word}` }, "Forget");
    const name = element("span", { class: known ? "name" : "name own", ...(known ? {} : { title: "The shared model lacks it" }) }, word);
    const item = element("li", {}, name, element("span", { class: "times" }, `×${times}`), forget);
    forget.addEventListener("click", async () => {
      const place = [...this.#at.list.children].indexOf(item);
      forget.disabled = true;
      await this.#forget(word);
      const rest = this.#at.list.querySelectorAll("button");
      (rest[Math.min(place, rest.length - 1)] ?? this.#at.list.closest("section")).focus({ preventScroll: true });
    });
    return item;
  }

  async #forget(word) {
    this.#say(`Forgetting “${word}”: what learned from it is trained anew without it…`);
    try {
      await this.#device.forgetWord(word);
      this.#say(`Forgot “${word}”.`);
      this.dispatchEvent(new Event("forgot"));
      await this.show();
    } catch (error) {
      this.#say(error.message);
    }
  }

  #say(text) {
    this.#at.status.textContent = text;
  }
}
