// Connects the parts of the page.

import { Composer, Keystrokes } from "./composer.js";
import { Device } from "./device.js";
import { askForKey, byId, confirmForgetting, element } from "./elements.js";
import { showFleet } from "./fleet.js";
import { Keys } from "./keys.js";
import { Learned, Rights } from "./privacy.js";
import { Service } from "./service.js";
import { Suggestions } from "./suggestions.js";
import { Adapters, Teaching } from "./teaching.js";
import { tour } from "./tour.js";

const PRIVACY = byId("privacy").textContent;
const UNLEARNED = "Incognito: this phone learns nothing from what you send. Suggestions continue as before.";
const WHOSE = { mine: ["mine"], shared: ["shared"], both: ["mine", "shared"] };

const keystrokes = new Keystrokes();
const composer = new Composer(byId("message"), keystrokes);
new Keys(byId("keys"), composer, keystrokes);
const service = new Service(askForKey);

function fail(error) {
  byId("failure").textContent = error.message;
  byId("failure").hidden = false;
}

function showSaved() {
  const saved = keystrokes.saved(composer.text);
  const line = byId("saved");
  if (saved === null) line.replaceChildren();
  else {
    const text = saved.percent >= 0 ? `${saved.percent} % saved` : `${-saved.percent} % more than without suggestions`;
    line.replaceChildren(`${saved.taps} ${saved.taps === 1 ? "tap" : "taps"} for ${saved.characters} characters: `, element("b", {}, text));
  }
}

async function showSynthetic() {
  const health = await service.call("GET", "/healthz");
  const notice = byId("synthetic");
  notice.textContent = `SYNTHETIC: the shared model of “${health.bundle}” learned from messages that a program made up.`;
  notice.hidden = !health.synthetic;
}

async function drawFleet() {
  try {
    showFleet(byId("charts"), await service.call("GET", "/v1/fleet"));
  } catch (error) {
    byId("charts").replaceChildren(element("p", { class: "soft" }, error.message));
  }
}

function keyboard(device) {
  const suggestions = new Suggestions(byId("suggestions"), byId("spoken"), device, composer);
  suggestions.addEventListener("failed", (event) => fail(event.detail));
  suggestions.addEventListener("answered", () => {
    byId("failure").hidden = true;
  });
  for (const choice of document.getElementsByName("whose")) {
    choice.addEventListener("change", () => {
      suggestions.whose = WHOSE[choice.value];
    });
  }
  suggestions.whose = WHOSE[document.querySelector("[name=whose]:checked").value];
  const twoWords = byId("two-words");
  twoWords.addEventListener("change", () => {
    suggestions.twoWords = twoWords.checked;
  });
  suggestions.twoWords = twoWords.checked;
  return suggestions;
}

function panels(device, suggestions) {
  const teaching = new Teaching(device, {
    known: byId("known"),
    pasted: byId("pasted"),
    learn: byId("learn"),
    sample: byId("sample"),
    adapt: byId("adapt"),
    progress: byId("progress"),
    progressText: byId("progress-text"),
    taught: byId("taught"),
  });
  const learned = new Learned(device, { list: byId("learned"), status: byId("forgotten"), more: byId("more") });
  const adapters = new Adapters(device, { past: byId("past"), list: byId("adapters"), status: byId("rolled-back") });
  const rights = new Rights(
    device,
    { incognito: byId("incognito"), exported: byId("export"), hour: byId("forget-hour"), all: byId("forget-all"), status: byId("forgotten") },
    confirmForgetting,
  );
  const showRest = async () => {
    const moment = rights.moment;
    const [state] = await Promise.all([teaching.showKnown(), suggestions.refresh(), adapters.show()]);
    rights.show(state, moment);
    byId("start").hidden = state.messages > 0 || byId("incognito").checked;
  };
  const refresh = () => Promise.all([showRest(), learned.show()]).catch(fail);
  for (const part of [teaching, adapters]) part.addEventListener("changed", refresh);
  learned.addEventListener("forgot", () => showRest().catch(fail)); // it redraws its own list
  rights.addEventListener("forgot", refresh);
  rights.addEventListener("failed", (event) => fail(event.detail));
  rights.addEventListener("incognito", ({ detail: on }) => {
    teaching.incognito = on;
    byId("keyboard").classList.toggle("incognito", on);
    byId("privacy").textContent = on ? UNLEARNED : PRIVACY;
    byId("message").placeholder = on ? "Message, not learned" : "Message";
    if (on) byId("start").hidden = true;
  });
  byId("tour").addEventListener("click", () => tour(teaching, composer));
  return refresh;
}

/** Sends one message. It stays in the field until the phone has it on disk. */
async function send(device, refresh) {
  const text = composer.text;
  try {
    await device.observe([{ text: text.trim(), timestamp: new Date().toISOString() }]);
  } catch (error) {
    fail(error);
    return;
  }
  const unlearned = byId("incognito").checked ? [element("span", { class: "unseen" }, " (not learned)")] : [];
  byId("sent").append(element("li", { class: unlearned.length ? "unlearned" : "" }, text.trim(), ...unlearned));
  byId("talk").scrollTop = byId("talk").scrollHeight;
  byId("note").textContent = "";
  composer.clear();
  await refresh();
}

keystrokes.addEventListener("change", showSaved);
composer.addEventListener("change", showSaved);
try {
  await showSynthetic();
  const device = await Device.open(service);
  const refresh = panels(device, keyboard(device));
  composer.addEventListener("send", () => send(device, refresh));
  byId("send").addEventListener("click", () => composer.send());
  byId("send").disabled = false;
  await refresh();
  await drawFleet();
} catch (error) {
  fail(error);
}
