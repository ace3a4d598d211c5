// The product in ten seconds: messages that nobody wrote are learned, and one sentence stands under both keyboards.

import { named } from "./element.js";

const SENTENCE = "See you at ";

export async function tour(teaching, composer) {
  const note = named("note");
  named("start").hidden = true;
  note.textContent = "Learning messages that nobody wrote, and adapting to them…";
  composer.focus();
  const kept = await teaching.tour();
  if (kept === null) {
    note.textContent = "That did not work: see under “Teach it”.";
    return;
  }
  document.querySelector("[name=whose][value=both]").click();
  composer.focus();
  composer.paste(SENTENCE);
  const gate = kept ? "The gate kept the new adapter." : "The gate kept the old adapter, but the words are known.";
  note.textContent = `${gate} Words in colour are yours alone: tap one.`;
}
