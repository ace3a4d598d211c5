// Puts the page together.

import { Composer } from "./composer.js";
import { Device } from "./device.js";
import { askForKey, confirmForgetting } from "./dialogs.js";
import { element, named } from "./element.js";
import { showFleet } from "./fleet.js";
import { Keys } from "./keys.js";
import { Keystrokes } from "./keystrokes.js";
import { Learned } from "./learned.js";
import { Service } from "./service.js";
import { Suggestions } from "./suggestions.js";
import { Teaching } from "./teaching.js";

const WHOSE = { mine: ["mine"], shared: ["shared"], both: ["mine", "shared"] };

const keystrokes = new Keystrokes();
const composer = new Composer(named("message"), keystrokes);
new Keys(named("keys"), composer, keystrokes);
const service = new Service(askForKey);

function fail(error) {
  named("failure").textContent = error.message;
  named("failure").hidden = false;
}

function showSaved() {
  const saved = keystrokes.saved(composer.text);
  const line = named("saved");
  if (saved === null) line.replaceChildren();
  else {
    const said = saved.percent >= 0 ? `${saved.percent} % saved` : `${-saved.percent} % more than typed plainly`;
    line.replaceChildren(`${saved.taps} taps for ${saved.characters} characters: `, element("b", {}, said));
  }
}

async function noteSynthetic() {
  const health = await service.call("GET", "/healthz");
  const notice = named("synthetic");
  notice.textContent = `SYNTHETIC: a program made up what the shared model of “${health.bundle}” learned from.`;
  notice.hidden = !health.synthetic;
}

async function drawFleet() {
  try {
    showFleet(named("charts"), await service.call("GET", "/v1/fleet"));
  } catch (error) {
    named("charts").replaceChildren(element("p", { class: "soft" }, error.message));
  }
}

function keyboard(device) {
  const suggestions = new Suggestions(named("suggestions"), named("spoken"), device, composer);
  suggestions.addEventListener("failed", (event) => fail(event.detail));
  suggestions.addEventListener("answered", () => {
    named("failure").hidden = true;
  });
  for (const choice of document.getElementsByName("whose")) {
    choice.addEventListener("change", () => {
      suggestions.whose = WHOSE[choice.value];
    });
  }
  suggestions.whose = WHOSE[document.querySelector("[name=whose]:checked").value];
  return suggestions;
}

function panels(device, suggestions) {
  const teaching = new Teaching(device, {
    known: named("known"),
    pasted: named("pasted"),
    learn: named("learn"),
    sample: named("sample"),
    adapt: named("adapt"),
    progress: named("progress"),
    progressText: named("progress-text"),
    taught: named("taught"),
  });
  const learned = new Learned(
    device,
    { list: named("learned"), status: named("forgotten"), more: named("more"), all: named("forget-all") },
    confirmForgetting,
  );
  const showRest = async () => {
    const [state] = await Promise.all([teaching.showKnown(), suggestions.refresh()]);
    named("start").hidden = state.messages > 0;
  };
  const refresh = () => Promise.all([showRest(), learned.show()]).catch(fail);
  teaching.addEventListener("learnt", refresh);
  learned.addEventListener("forgot", () => showRest().catch(fail)); // it shows its own words itself
  named("tour").addEventListener("click", () => tour(teaching));
  return refresh;
}

/** The product in ten seconds: learn, adapt, compare. */
async function tour(teaching) {
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
  const gate = kept ? "The gate kept the new adapter." : "The gate kept the old adapter, but the words are known.";
  note.textContent = `${gate} Now type “see you at”.`;
}

/** Sends one message: it leaves the field once the phone has it on disk. */
async function send(device, refresh) {
  const text = composer.text;
  try {
    await device.observe([{ text: text.trim(), timestamp: new Date().toISOString() }]);
  } catch (error) {
    fail(error);
    return;
  }
  named("sent").append(element("li", {}, text.trim()));
  named("talk").scrollTop = named("talk").scrollHeight;
  named("note").textContent = "";
  composer.clear();
  await refresh();
}

keystrokes.addEventListener("change", showSaved);
composer.addEventListener("change", showSaved);
try {
  await noteSynthetic();
  const device = await Device.open(service);
  const refresh = panels(device, keyboard(device));
  composer.addEventListener("send", () => send(device, refresh));
  named("send").addEventListener("click", () => composer.send());
  named("send").disabled = false;
  await refresh();
  await drawFleet();
} catch (error) {
  fail(error);
}
