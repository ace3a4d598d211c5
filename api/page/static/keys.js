// The on-screen keyboard. It is one tab stop; arrow keys move within it, as in a toolbar.

import { element } from "./elements.js";

const LETTERS = [[..."qwertyuiop"], [..."asdfghjkl'"], ["shift", ..."zxcvbnm", "backspace"]];
const NUMBERS = [[..."1234567890"], [..."@#$&-+()/:"], [..."?!;\"_*", "backspace"]];
const LAST_ROW = ["layer", ",", "space", ".", "send"];
const SPECIAL = {
  shift: { face: "⇧", name: "Shift", look: "wide" },
  backspace: { face: "⌫", name: "Backspace", look: "wide" },
  space: { face: "space", name: "Space", look: "space" },
  send: { face: "⏎", name: "Send", look: "wide go" },
};
const LAYERS = [
  { face: "123", name: "123, numbers and punctuation", look: "wide" },
  { face: "ABC", name: "ABC, letters", look: "wide" },
];
const SPOKEN = {
  ".": "full stop", ",": "comma", "'": "apostrophe", "@": "at", "#": "number sign", $: "dollar", "&": "and", "-": "hyphen",
  "+": "plus", "(": "opening parenthesis", ")": "closing parenthesis", "/": "slash", ":": "colon", "?": "question mark",
  "!": "exclamation mark", ";": "semicolon", '"': "quotation mark", _: "underscore", "*": "asterisk",
};
const HOLD = 450;
const REPEAT = 70;
const DOUBLE = 350;

export class Keys {
  #place;
  #composer;
  #keystrokes;
  #numbers = false;
  #shift = "off"; // "off", "once" or "lock"
  #shiftedAt = -Infinity;
  #repeating; // the timer of a held backspace
  #held = false; // whether the pressed key has repeated

  constructor(place, composer, keystrokes) {
    this.#place = place;
    this.#composer = composer;
    this.#keystrokes = keystrokes;
    place.addEventListener("keydown", (event) => this.#move(event));
    // The text field keeps its cursor while the user taps keys.
    place.addEventListener("pointerdown", (event) => this.#press(event));
    for (const end of ["pointerup", "pointercancel", "pointerleave"]) {
      place.addEventListener(end, () => clearTimeout(this.#repeating));
    }
    composer.addEventListener("change", () => this.#capitalize());
    this.#draw();
    this.#capitalize();
  }

  #draw() {
    const rows = [...(this.#numbers ? NUMBERS : LETTERS), LAST_ROW];
    this.#place.replaceChildren(...rows.map((row) => element("div", { class: "row" }, ...row.map((key) => this.#key(key)))));
    this.#reachable(this.#all()[0]);
    this.#showShift();
  }

  #key(key) {
    const { face, name, look } = (key === "layer" ? LAYERS[Number(this.#numbers)] : SPECIAL[key]) ?? { face: key, look: "" };
    return element(
      "button",
      {
        type: "button",
        class: `key ${look}`,
        "aria-label": name ?? SPOKEN[key] ?? key,
        "data-key": key,
        onclick: (event) => this.#tap(key, event),
      },
      face,
    );
  }

  #tap(key, event) {
    if (key === "send") return this.#composer.send();
    if (key === "shift") return this.#tapShift();
    if (key === "layer") {
      this.#keystrokes.tapped();
      return this.#otherLayer();
    }
    if (key === "backspace") {
      // The click at the end of a hold deletes nothing more. A click by keyboard (detail 0) is never the end of a hold.
      if (!this.#held || event.detail === 0) this.#composer.backspace();
      return;
    }
    this.#composer.type(key === "space" ? " " : this.#shift === "off" ? key : key.toUpperCase());
    if (this.#numbers && key === "space") this.#otherLayer();
  }

  #otherLayer() {
    const focused = this.#place.contains(document.activeElement) ? document.activeElement.dataset.key : null;
    this.#numbers = !this.#numbers;
    this.#draw();
    if (focused !== null) this.#focus(this.#place.querySelector(`[data-key=${focused}]`));
  }

  #tapShift() {
    this.#keystrokes.tapped();
    const again = performance.now() - this.#shiftedAt < DOUBLE;
    this.#shiftedAt = performance.now();
    this.#shift = again ? "lock" : this.#shift === "off" ? "once" : "off";
    this.#showShift();
  }

  /** Switches to capitals at the start of a sentence and to small letters after it, unless shift is locked. */
  #capitalize() {
    if (this.#shift === "lock") return;
    this.#shift = this.#composer.beginsSentence ? "once" : "off";
    this.#showShift();
  }

  #showShift() {
    const shift = this.#place.querySelector("[data-key=shift]");
    if (shift === null) return;
    shift.setAttribute("aria-pressed", String(this.#shift !== "off"));
    shift.textContent = this.#shift === "lock" ? "⇪" : "⇧";
    for (const key of this.#all()) {
      if (/^[a-z]$/.test(key.dataset.key)) {
        key.textContent = this.#shift === "off" ? key.dataset.key : key.dataset.key.toUpperCase();
        key.setAttribute("aria-label", key.textContent);
      }
    }
  }

  #press(event) {
    event.preventDefault();
    this.#held = false;
    if (event.target.dataset.key !== "backspace") return;
    const again = () => {
      this.#held = true;
      this.#composer.backspace();
      this.#repeating = setTimeout(again, REPEAT);
    };
    this.#repeating = setTimeout(again, HOLD);
  }

  #all() {
    return [...this.#place.querySelectorAll(".key")];
  }

  #reachable(key) {
    for (const each of this.#all()) each.tabIndex = each === key ? 0 : -1;
  }

  #move(event) {
    const row = event.target.parentElement;
    const column = [...row.children].indexOf(event.target);
    const rows = [...this.#place.children];
    const beside = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const below = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (beside === undefined && below === undefined) return;
    event.preventDefault();
    const all = this.#all();
    const next = () => all.at((all.indexOf(event.target) + beside) % all.length);
    const under = () => inRow(rows.at((rows.indexOf(row) + below) % rows.length), column / (row.children.length - 1));
    this.#focus(beside === undefined ? under() : next());
  }

  #focus(key) {
    this.#reachable(key);
    key.focus();
  }
}

function inRow(row, share) {
  return row.children[Math.round(share * (row.children.length - 1))];
}
