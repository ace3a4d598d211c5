// What the phone knows about its owner: the learned words, incognito, the export and forgetting.

import { element } from "./elements.js";

const SHOWN = 24;
const MAX_SHOWN = 1000;
const HOUR = 60 * 60 * 1000;

/** The list of learned words. Sends a `forgot` event when suggestions can have changed. */
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
      this.#shown = MAX_SHOWN;
      await this.show().catch((error) => this.#say(error.message));
      at.list.querySelectorAll("button")[SHOWN]?.focus();
    });
  }

  async show() {
    const words = await this.#device.words(this.#shown);
    this.#at.more.hidden = words.length < this.#shown || this.#shown === MAX_SHOWN;
    this.#at.list.replaceChildren(...words.map((word) => this.#item(word)));
    if (!words.length) this.#at.list.append(element("li", { class: "soft" }, "Nothing yet."));
  }

  #item({ word, times, known }) {
    const forget = element("button", { type: "button", "aria-label": `Forget ${word}` }, "Forget");
    const name = element("span", { class: known ? "name" : "name own", ...(known ? {} : { title: "The shared model does not know this word" }) }, word);
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
    this.#say(`Forgetting “${word}”. An adapter that learned from it is trained again without it…`);
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

/** Incognito, export and forgetting. Sends `forgot` when suggestions can have changed, `incognito` (detail: whether it is on) and `failed`. */
export class Rights extends EventTarget {
  #device;
  #at;
  #on = false;
  #switching = false;
  #moment = 0;

  /** `at`: `{incognito, exported, hour, all, status}`; `confirmed(what, deleted)` returns a promise of a boolean. */
  constructor(device, at, confirmed) {
    super();
    this.#device = device;
    this.#at = at;
    at.incognito.addEventListener("change", () => this.#switch());
    at.exported.addEventListener("click", () => this.#guarded(() => this.#export()));
    const forgets = (button, what, deleted, work) =>
      button.addEventListener("click", async () => {
        if (await confirmed(what, deleted)) await this.#guarded(() => this.#forget(work));
        button.focus();
      });
    forgets(at.hour, "Forget the last hour", "This deletes everything that this phone learned in the last hour, and the adapters that learned from it. You cannot undo this.",
      () => device.forgetSince(new Date(Date.now() - HOUR)));
    forgets(at.all, "Forget everything", "This deletes all messages, learned words and adapters of this phone. You cannot undo this.",
      () => device.forgetAll());
    for (const control of [at.incognito, at.exported, at.hour, at.all]) control.disabled = false;
  }

  /** Changes whenever a switch of incognito begins or ends. */
  get moment() {
    return this.#moment;
  }

  /** Shows whether incognito is on, from a state of the phone that was asked for at `moment`. Ignores a state from before a switch. */
  show({ incognito }, moment) {
    if (moment !== this.#moment) return;
    this.#on = incognito;
    this.#at.incognito.checked = incognito;
    this.dispatchEvent(new CustomEvent("incognito", { detail: incognito }));
  }

  /** Sends the position of the switch to the phone, again if the owner moves it meanwhile. */
  async #switch() {
    this.#moment += 1;
    if (this.#switching) return;
    this.#switching = true;
    let state = { incognito: this.#on };
    try {
      do state = await this.#device.setIncognito(this.#at.incognito.checked);
      while (state.incognito !== this.#at.incognito.checked);
    } catch (error) {
      this.dispatchEvent(new CustomEvent("failed", { detail: error }));
    }
    this.#switching = false;
    this.#moment += 1;
    this.show(state, this.#moment);
  }

  async #export() {
    const everything = await this.#device.export();
    const file = new Blob([JSON.stringify(everything, null, 2)], { type: "application/json" });
    const link = element("a", { href: URL.createObjectURL(file), download: "my-keyboard.json" });
    link.click();
    URL.revokeObjectURL(link.href);
    this.#say("my-keyboard.json contains everything that this phone stores about you.");
  }

  async #forget(work) {
    this.#say("Forgetting. An adapter that learned from it is trained again without it…");
    const { messages } = await work();
    this.#say(messages ? `Forgotten. ${messages.toLocaleString()} older messages remain.` : "Forgotten. No messages remain.");
    this.dispatchEvent(new Event("forgot"));
  }

  async #guarded(work) {
    try {
      await work();
    } catch (error) {
      this.#say(error.message);
    }
  }

  #say(text) {
    this.#at.status.textContent = text;
  }
}
