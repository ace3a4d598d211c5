// One simulated phone of the service: the browser's own, or the one in the address (`?device=ID`).

import { ServiceError } from "./service.js";

const STORED = "thumbprint.device";
const MAX_MESSAGES = 1000;
const MAX_CHARACTERS = 1_000_000;
const MAX_LENGTH = 20_000;
const WAIT = 2;

const pause = (seconds) => new Promise((resolve) => setTimeout(resolve, 1000 * seconds));

export class Device {
  #service;
  #path;

  constructor(service, id) {
    this.#service = service;
    this.#path = `/v1/devices/${encodeURIComponent(id)}`;
  }

  /** Opens the phone. Creates it if it does not exist. */
  static async open(service) {
    const chosen = new URLSearchParams(location.search).get("device");
    const id = chosen ?? localStorage.getItem(STORED);
    if (id !== null && (await exists(service, id))) return new Device(service, id);
    const created = await service.call("POST", "/v1/devices", chosen === null ? undefined : { device_id: chosen });
    if (chosen === null) localStorage.setItem(STORED, created.device_id);
    return new Device(service, created.device_id);
  }

  /** Returns the device: how much it has learned, and whether it has an adapter of its own. */
  state() {
    return this.#service.call("GET", this.#path);
  }

  /** Adds messages, all of a call or none. Calls `onLearned(count)` after each call, when its messages are on disk. */
  async observe(messages, onLearned = () => {}) {
    const tooLong = messages.findIndex((message) => message.text.length > MAX_LENGTH);
    if (tooLong >= 0) {
      throw new ServiceError(`Line ${tooLong + 1} is longer than ${MAX_LENGTH.toLocaleString()} characters: break it up.`, 422);
    }
    for (const part of parts(messages)) {
      await this.#service.call("POST", `${this.#path}/messages`, { messages: part });
      onLearned(part.length);
    }
  }

  /** Returns the suggestions for each request: `[[{word, text, probability}]]`. */
  async predict(requests) {
    return (await this.#service.call("POST", `${this.#path}/predictions/batch`, { requests })).predictions;
  }

  /** Trains the adapter. Calls `onState("busy" | "queued" | "running")`. Returns the adaptation when it has ended. */
  async adapt(onState) {
    let job = await this.#start(onState);
    while (job.state === "queued" || job.state === "running") {
      onState(job.state);
      job = await this.#service.call("GET", `${this.#path}/adaptations/${job.adaptation_id}?wait=${WAIT}`);
    }
    return job;
  }

  /** Switches incognito on or off. Returns the device. */
  setIncognito(incognito) {
    return this.#service.call("PATCH", this.#path, { incognito });
  }

  /** Returns every adaptation, newest first, and the id of the adapter in use: `{entries, adapter_id}`. */
  adapters() {
    return this.#service.call("GET", `${this.#path}/adapter/history`);
  }

  /** Goes back to a stored adapter; 0: the shared model's adapter. */
  rollback(to) {
    return this.#service.call("POST", `${this.#path}/adapter/rollback`, { to });
  }

  async words(limit) {
    return (await this.#service.call("GET", `${this.#path}/words?limit=${limit}`)).words;
  }

  forgetWord(word) {
    return this.#service.call("POST", `${this.#path}/forget`, { what: "word", word });
  }

  forgetSince(time) {
    return this.#service.call("POST", `${this.#path}/forget`, { what: "since", since: time.toISOString() });
  }

  /** Returns everything that the phone stores about its owner. */
  export() {
    return this.#service.call("GET", `${this.#path}/export`);
  }

  forgetAll() {
    return this.#service.call("POST", `${this.#path}/forget`, { what: "all" });
  }

  async #start(onState) {
    for (;;) {
      try {
        return await this.#service.call("POST", `${this.#path}/adaptations`);
      } catch (error) {
        if (error.status !== 429) throw error;
        onState("busy");
        await pause(error.retryAfter ?? 1);
      }
    }
  }
}

async function exists(service, id) {
  try {
    await service.call("GET", `/v1/devices/${encodeURIComponent(id)}`);
    return true;
  } catch (error) {
    if (error.status === 404) return false;
    throw error;
  }
}

function* parts(messages) {
  let part = [];
  let characters = 0;
  for (const message of messages) {
    if (part.length && (part.length === MAX_MESSAGES || characters + message.text.length > MAX_CHARACTERS)) {
      yield part;
      [part, characters] = [[], 0];
    }
    part.push(message);
    characters += message.text.length;
  }
  if (part.length) yield part;
}
