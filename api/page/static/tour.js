// The tour: the phone learns made-up messages and adapts. Then one sentence is shown under both keyboards.

import { byId } from "./elements.js";

const SENTENCE = "Did Priyanka bring the ";

export async function tour(teaching, composer) {
  const note = byId("note");
  byId("start").hidden = true;
  note.textContent = "Learning made-up messages and adapting to them…";
  composer.focus();
  const kept = await teaching.tour();
  if (kept === null) {
    note.textContent = "That did not work: see “Teach it”.";
    return;
  }
  document.querySelector("[name=whose][value=both]").click();
  composer.focus();
  composer.paste(SENTENCE);
  const gate = kept ? "The gate kept the new adapter." : "The gate kept the old adapter, but the words are known.";
  note.textContent = `${gate} The coloured words are yours alone: tap one.`;
}

/** Made-up messages of one person, with names, places and phrases that repeat. */
export const MADE_UP = [
  "Heading to Zanzibar Café now, see you there in ten",
  "tell Priyanka the rehearsal moved to Thursday",
  "ok cool cool, see you at the boathouse",
  "did Priyanka bring the red bag?",
  "running late, the tram to Marienplatz is stuck again",
  "ok cool cool, I'll grab us a table at Zanzibar Café",
  "rehearsal at the boathouse tonight, bring your oboe",
  "can you feed Biscuit while I'm at rehearsal?",
  "Biscuit ate my oboe reed again",
  "see you at Zanzibar Café after rehearsal",
  "Priyanka says the boathouse is locked, who has the key?",
  "ok cool cool, tram to Marienplatz then we walk",
  "lunch at Zanzibar Café tomorrow?",
  "I'm at Marienplatz, which exit are you at?",
  "rehearsal was great, Priyanka played so well",
  "can you pick up oboe reeds at Marienplatz?",
  "Biscuit is asleep on the red bag",
  "ok cool cool, see you at rehearsal then",
  "the tram is stuck again, start rehearsal without me",
  "meet me at the boathouse at eight",
  "dinner at Zanzibar Café with Priyanka on Thursday",
  "who feeds Biscuit on Thursday?",
  "see you at the boathouse, bring the red bag",
  "ok cool cool, tell Priyanka I'm on the tram",
  "Zanzibar Café is full, let's walk to Marienplatz",
  "rehearsal moved to the boathouse again",
  "can you tell Priyanka I'm running late?",
  "Biscuit says hello, he wants his dinner",
  "see you at Marienplatz at eight then",
  "ok cool cool, Zanzibar Café on Thursday it is",
];
