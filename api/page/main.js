// Puts the page together.

import { Adapters } from "./adapters.js";
import { Composer } from "./composer.js";
import { Device } from "./device.js";
import { askForKey, confirmForgetting } from "./dialogs.js";
import { element, named } from "./element.js";
import { showFleet } from "./fleet.js";
import { Keys } from "./keys.js";
import { Keystrokes } from "./keystrokes.js";
import { Learned } from "./learned.js";
import { Rights } from "./rights.js";
import { Service } from "./service.js";
import { Suggestions } from "./suggestions.js";
import { Teaching } from "./teaching.js";
import { tour } from "./tour.js";

const PRIVACY = named("privacy").textContent;
const UNLEARNED = "Incognito: this phone learns nothing of what you send. Suggestions go on as before.";
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
  const learned = new Learned(device, { list: named("learned"), status: named("forgotten"), more: named("more") });
  const adapters = new Adapters(device, { past: named("past"), list: named("adapters"), status: named("rolled-back") });
  const rights = new Rights(
    device,
    { incognito: named("incognito"), exported: named("export"), hour: named("forget-hour"), all: named("forget-all"), status: named("forgotten") },
    confirmForgetting,
  );
  const showRest = async () => {
    const [state] = await Promise.all([teaching.showKnown(), suggestions.refresh(), adapters.show()]);
    named("start").hidden = state.messages > 0 || state.incognito;
    rights.show(state);
  };
  const refresh = () => Promise.all([showRest(), learned.show()]).catch(fail);
  for (const part of [teaching, adapters]) part.addEventListener("changed", refresh);
  learned.addEventListener("forgot", () => showRest().catch(fail)); // it shows its own words itself
  rights.addEventListener("forgot", refresh);
  rights.addEventListener("failed", (event) => fail(event.detail));
  rights.addEventListener("incognito", ({ detail: on }) => {
    teaching.incognito = on;
    named("keyboard").classList.toggle("incognito", on);
    named("privacy").textContent = on ? UNLEARNED : PRIVACY;
    named("message").placeholder = on ? "Message, not learned" : "Message";
    if (on) named("start").hidden = true;
  });
  named("tour").addEventListener("click", () => tour(teaching, composer));
  return refresh;
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
  const unlearned = named("incognito").checked ? [element("span", { class: "unseen" }, " (not learned)")] : [];
  named("sent").append(element("li", { class: unlearned.length ? "unlearned" : "" }, text.trim(), ...unlearned));
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
