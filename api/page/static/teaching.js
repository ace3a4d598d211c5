// The panel “Teach it”: the phone learns messages and adapts, the gate's verdict, and earlier adaptations.

import { element } from "./elements.js";
import { MADE_UP } from "./tour.js";

const SHARED = 0; // the id of the shared model's adapter

const STATES = {
  busy: "Other phones are adapting: waiting for a place in the queue",
  queued: "Waiting for its turn",
  running: "Training on what you typed",
};

/** Sends a `changed` event when suggestions can have changed. */
export class Teaching extends EventTarget {
  #device;
  #at;

  /** Whether the phone must learn nothing. */
  incognito = false;

  /** `at`: the page's elements, `{known, pasted, learn, sample, adapt, progress, progressText, taught}`. */
  constructor(device, at) {
    super();
    this.#device = device;
    this.#at = at;
    at.learn.addEventListener("click", () => this.#guarded(() => this.#learn()));
    at.adapt.addEventListener("click", () => this.#guarded(() => this.#adapt()));
    at.sample.addEventListener("click", () => {
      at.pasted.value = MADE_UP.join("\n");
      this.#say(`${MADE_UP.length} made-up messages. Learn them, or adapt at once.`);
    });
    this.#usable(true); // disabled until now, when there is a phone
  }

  /** Makes the phone learn made-up messages and adapt. Returns whether the gate kept the adapter; null after an error. */
  async tour() {
    this.#at.pasted.value = MADE_UP.join("\n");
    return (await this.#guarded(() => this.#adapt())) ?? null;
  }

  /** Shows how much the phone knows. Returns its state. */
  async showKnown() {
    const state = await this.#device.state();
    const adapter = state.personal ? "and has adapted to you" : "and runs the shared model’s adapter";
    const fallenBack = state.fallen_back ? ". Lately the shared model’s suggestions were better, so it shows those" : "";
    this.#at.known.textContent = state.messages
      ? `${count(state.messages, "message")} with ${count(state.words, "word")}, ${adapter}${fallenBack}`
      : "no messages yet";
    return state;
  }

  async #guarded(work) {
    this.#usable(false);
    try {
      return await work();
    } catch (error) {
      this.#say(error.message, "verdict refused");
    } finally {
      this.#usable(true);
      this.#at.progress.hidden = true;
    }
  }

  #usable(usable) {
    for (const button of [this.#at.learn, this.#at.adapt, this.#at.sample]) button.disabled = !usable;
  }

  async #learn() {
    const learned = await this.#learnPasted();
    const hint = "Suggestions use them already. Adapt to train on them as well.";
    this.#say(learned ? `Learned ${count(learned, "message")}. ${hint}` : "There is no message in the field to learn.");
  }

  /** Removes from the field what is on the phone's disk, so that after a failure the rest can be sent again. */
  async #learnPasted() {
    const lines = this.#at.pasted.value.split("\n").map((line) => line.trim()).filter((line) => line);
    if (lines.length && this.incognito) throw new Error("Incognito is on: switch it off to teach the phone.");
    let learned = 0;
    await this.#device.observe(lines.map((text) => ({ text })), (more) => {
      learned += more;
      this.#at.pasted.value = lines.slice(learned).join("\n");
    });
    if (learned) this.#changed();
    return learned;
  }

  async #adapt() {
    await this.#learnPasted();
    this.#at.taught.replaceChildren();
    const began = performance.now();
    const show = (state) => {
      this.#at.progress.hidden = false;
      this.#at.progressText.textContent = `${STATES[state]} (${Math.round((performance.now() - began) / 1000)} s)`;
    };
    show("queued");
    const job = await this.#device.adapt(show);
    this.#at.taught.replaceChildren(job.state === "failed" ? failed(job) : verdict(job));
    this.#changed();
    return job.verdict?.kept;
  }

  #changed() {
    this.dispatchEvent(new Event("changed"));
  }

  #say(text, look = "soft") {
    this.#at.taught.replaceChildren(element("p", { class: look }, text));
  }
}

function failed(job) {
  return card("refused", "The adaptation failed", [`${job.reason}. The old adapter stays in use. Nothing was lost.`]);
}

function verdict(job) {
  const { kept, reason, before, after, tail_words: words } = job.verdict;
  const lines = [];
  if (kept) lines.push(improvement(before, after, words));
  else lines.push(`${sentence(reason)}. The old adapter stays in use. Your own words are suggested anyway.`);
  if (job.steps && before !== null && after !== null) {
    lines.push(`Loss on the held-out words: ${before.toFixed(2)} → ${after.toFixed(2)} nats a word, ${words} words.`);
  }
  lines.push(`${count(job.steps, "step")} in ${job.seconds.toFixed(1)} s.`);
  return kept ? card("kept", "The gate kept it", lines) : card("refused", "The gate did not keep it", lines);
}

/** The exponential of a difference of mean losses is the factor by which the words became more probable (geometric mean). */
function improvement(before, after, words) {
  const times = Math.exp(before - after).toFixed(2);
  return `To the new adapter, your newest ${words} words, which it did not learn from, are on average ${times} times as probable as before.`;
}

function card(look, title, lines) {
  return element("div", { class: `verdict ${look}` }, element("h3", {}, title), ...lines.map((line) => element("p", {}, line)));
}

function sentence(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function count(number, thing) {
  return `${number.toLocaleString()} ${thing}${number === 1 ? "" : "s"}`;
}

/** The list of all adaptations, with a button to go back to each stored adapter. Sends `changed` when another one is in use. */
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
    const shared = this.#item("the shared model’s adapter", "", SHARED, SHARED === used, true);
    const items = entries.map((entry) => this.#item(when(entry), outcome(entry), entry.id, entry.id === used, entry.stored));
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

function outcome({ verdict: { kept, reason, before, after }, cause }) {
  const why = cause === "asked" ? "" : ` (${cause})`;
  if (!kept) return `Not kept${why}: ${reason}.`;
  return before === null || after === null ? `Kept${why}.` : `Kept${why}: ${before.toFixed(2)} → ${after.toFixed(2)} nats a word.`;
}
