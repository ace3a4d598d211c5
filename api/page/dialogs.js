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

/** Whether everything is to be forgotten. */
export function confirmForgetting() {
  const dialog = named("forget-dialog");
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
