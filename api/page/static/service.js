// Requests to the service's API, with a key if it needs one.

const KEY = "thumbprint.key";

/** The service refused a request (`status`) or did not answer (`status` 0). `retryAfter`: seconds, or null. */
export class ServiceError extends Error {
  constructor(message, status, retryAfter = null) {
    super(message);
    this.status = status;
    this.retryAfter = retryAfter;
  }
}

export class Service {
  #askForKey;
  #asking = null;

  /** `askForKey(reason)` returns a promise of a key. */
  constructor(askForKey) {
    this.#askForKey = askForKey;
  }

  /** Sends a request and returns the answer's JSON. If a key is needed, asks for one and sends the request again. */
  async call(method, path, body) {
    for (;;) {
      const key = sessionStorage.getItem(KEY);
      const answer = await this.#send(method, path, body, key);
      if (answer.ok) return answer.status === 204 ? null : await answer.json();
      const problem = await answer.json().catch(() => ({}));
      if (answer.status !== 401) throw failure(answer, problem);
      await this.#newKey(key);
    }
  }

  async #send(method, path, body, key) {
    const headers = body === undefined ? {} : { "Content-Type": "application/json" };
    if (key !== null) headers.Authorization = `Bearer ${key}`;
    try {
      return await fetch(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
    } catch {
      throw new ServiceError("The service does not answer: check that `thumbprint serve` is still running.", 0);
    }
  }

  /** Several requests can need a key at the same time. One dialog asks for all of them. */
  async #newKey(refused) {
    if (sessionStorage.getItem(KEY) !== refused) return;
    this.#asking ??= this.#askForKey(refused === null ? "" : "This service does not accept that key.").finally(() => {
      this.#asking = null;
    });
    sessionStorage.setItem(KEY, await this.#asking);
  }
}

function failure(answer, problem) {
  const wrong = (problem.errors ?? []).map((each) => `${each.field}: ${each.message}`);
  const message = [problem.detail ?? `The service answered ${answer.status}.`, ...wrong].join("; ");
  const seconds = Number.parseFloat(answer.headers.get("Retry-After"));
  return new ServiceError(message, answer.status, Number.isNaN(seconds) ? null : seconds);
}
