// The page's elements and dialogs. Elements are made without markup: the page's policy lets no text become HTML.

const SVG = "http://www.w3.org/2000/svg";

/** Makes an HTML element. `attributes`: `on…` are listeners; true and false add or omit an attribute without a value. */
export function element(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

/** Makes an SVG element in the same way. */
export function svgElement(tag, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

/** Returns the element of the page with this id. */
export function byId(id) {
  return document.getElementById(id);
}

function filled(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (typeof value === "boolean") node.toggleAttribute(name, value);
    else node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

/** Asks for an API key until one is given. `reason` says what was wrong with the previous key. */
export function askForKey(reason) {
  const dialog = byId("key-dialog");
  const field = byId("key");
  byId("key-reason").textContent = reason;
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

/** Asks whether to forget something. `what`: the text of the button; `deleted`: what it deletes. Returns a promise of a boolean. */
export function confirmForgetting(what, deleted) {
  const dialog = byId("forget-dialog");
  byId("forget-title").textContent = `${what}?`;
  byId("forget-what").textContent = deleted;
  byId("forget-yes").textContent = what;
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
