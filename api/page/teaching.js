// Giving the phone messages, having it adapt, and saying what the gate made of that.

import { element } from "./element.js";
import { MADE_UP } from "./made_up.js";

const STATES = {
  busy: "Other phones are adapting: waiting for a place",
  queued: "Waiting for its turn",
  running: "Training on what you typed",
};

/** Sends a `changed` event when suggestions may have changed. */
export class Teaching extends EventTarget {
  #device;
  #at;

  /** Whether the phone is to learn nothing. */
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
      this.#say(`${MADE_UP.length} messages that nobody wrote. Learn them, or adapt at once.`);
    });
    this.#usable(true); // until there was a phone to teach they could do nothing
  }

  /** Has it learn messages that nobody wrote, and adapt. Returns whether the gate kept that; null where it came to none. */
  async tour() {
    this.#at.pasted.value = MADE_UP.join("\n");
    return (await this.#guarded(() => this.#adapt())) ?? null;
  }

  /** Shows how much the phone knows. Returns its state. */
  async showKnown() {
    const state = await this.#device.state();
    const adapter = state.personal ? "and has adapted to you" : "and runs the shared model’s adapter";
    this.#at.known.textContent = state.messages
      ? `${count(state.messages, "message")} with ${count(state.words, "word")}, ${adapter}`
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
    const learnt = await this.#learnPasted();
    const hint = "The suggestions know them already; adapt to train on them as well.";
    this.#say(learnt ? `Learned ${count(learnt, "message")}. ${hint}` : "There is no message in the field to learn.");
  }

  /** What is on the phone's disk leaves the field: after a failure, the rest is still there to be sent again. */
  async #learnPasted() {
    const lines = this.#at.pasted.value.split("\n").map((line) => line.trim()).filter((line) => line);
    if (lines.length && this.incognito) throw new Error("Incognito is on: switch it off to have the phone learn these.");
    let learnt = 0;
    await this.#device.observe(lines.map((text) => ({ text })), (more) => {
      learnt += more;
      this.#at.pasted.value = lines.slice(learnt).join("\n");
    });
    if (learnt) this.#changed();
    return learnt;
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
  return card("refused", "The adaptation failed", [`${job.reason}. The old adapter stays; nothing was lost.`]);
}

function verdict(job) {
  const { kept, reason, before, after, tail_words: words } = job.verdict;
  const lines = [];
  if (kept) lines.push(inPlainWords(before, after, words));
  else lines.push(`${sentence(reason)}. The adapter in use stays as it was; your own words are suggested all the same.`);
  if (job.steps && before !== null && after !== null) {
    lines.push(`Loss on the words held out: ${before.toFixed(2)} → ${after.toFixed(2)} nats a word, ${words} words.`);
  }
  lines.push(`${count(job.steps, "step")} in ${job.seconds.toFixed(1)} s.`);
  return kept ? card("kept", "The gate kept it", lines) : card("refused", "The gate did not keep it", lines);
}

/** A difference of mean losses is the logarithm of how much more probable the words became, in the geometric mean. */
function inPlainWords(before, after, words) {
  const times = Math.exp(before - after).toFixed(2);
  return `Your newest ${words} words, which it did not learn from, are ${times} times as probable to it as before, on average.`;
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
