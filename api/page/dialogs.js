// The two questions that the page asks.

import { named } from "./element.js";

/** Asks for an API key until one is given; `reason` says what was wrong with the last one. */
export function askForKey(reason) {
  const dialog = named("key-dialog");
  const field = named("key");
  named("key-reason").textContent = reason;
  field.value = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("cancel", (event) => event.preventDefault(), { once: true });
    dialog.querySelector("form").addEventListener("submit", (event) => {
      event.preventDefault();
      dialog.close();
      resolve(field.value.trim());
    }, { once: true });
  });
}

/** Whether something is to be forgotten: `what` as the button says it, and what that deletes. */
export function confirmForgetting(what, deleted) {
  const dialog = named("forget-dialog");
  named("forget-title").textContent = `${what}?`;
  named("forget-what").textContent = deleted;
  named("forget-yes").textContent = what;
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((resolve) => {
    const answer = (event) => event.target.value && dialog.close(event.target.value);
    dialog.addEventListener("click", answer);
    dialog.addEventListener("close", () => {
      dialog.removeEventListener("click", answer);
      resolve(dialog.returnValue === "yes");
    }, { once: true });
  });
}
