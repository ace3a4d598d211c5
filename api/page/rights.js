// What belongs to the owner beside the single word: to type without being learned from, to take all along, to have it gone.

import { element } from "./element.js";

const HOUR = 60 * 60 * 1000;

/** Sends `forgot` when suggestions may have changed, and `incognito` (detail: whether it is on). */
export class Rights extends EventTarget {
  #device;
  #at;

  /** `at`: `{incognito, exported, hour, all, status}`; `confirmed(what, deleted)` returns a promise of yes or no. */
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
    forgets(at.hour, "Forget the last hour", "All that this phone learned in the last hour is deleted, and adapters that read it. It cannot be had back.",
      () => device.forgetSince(new Date(Date.now() - HOUR)));
    forgets(at.all, "Forget everything", "All messages, learned words and adapters of this phone are deleted. They cannot be had back.",
      () => device.forgetAll());
    for (const control of [at.incognito, at.exported, at.hour, at.all]) control.disabled = false;
  }

  /** Shows what the phone's state says of incognito. */
  show({ incognito }) {
    this.#at.incognito.checked = incognito;
    this.dispatchEvent(new CustomEvent("incognito", { detail: incognito }));
  }

  async #switch() {
    try {
      this.show(await this.#device.setIncognito(this.#at.incognito.checked));
    } catch (error) {
      this.#at.incognito.checked = !this.#at.incognito.checked;
      this.dispatchEvent(new CustomEvent("failed", { detail: error }));
    }
  }

  async #export() {
    const kept = await this.#device.export();
    const file = new Blob([JSON.stringify(kept, null, 2)], { type: "application/json" });
    const link = element("a", { href: URL.createObjectURL(file), download: "my-keyboard.json" });
    link.click();
    URL.revokeObjectURL(link.href);
    this.#say("All that this phone keeps of you is in my-keyboard.json.");
  }

  async #forget(work) {
    this.#say("Forgetting: what learned from it is trained anew without it…");
    const { messages } = await work();
    this.#say(messages ? `Forgotten. ${messages.toLocaleString()} older messages are left.` : "Forgotten. Nothing is left.");
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
