// Answers one request about a bundle: node consumer.mjs BUNDLE PUBLIC_KEY.pem < request.json > answer.json
//
// request, every field optional:
//   texts      [message]                       -> texts       [{units, ids}]
//   shared     [{context, prefix, k}]          -> shared      [[[word, probability]]], by the shared model
//   messages   [message], oldest first: the owner's
//   adapter    path of the adapter in use; none: start 0
//   adapt      true: adapts first              -> adaptation  {kept, tailWords, before, after, strength}
//   personal   [{context, prefix, k}]          -> personal    the same, by the owner's keyboard
//   store      {path, form}: where the adapter goes that is then in use

import { readFileSync, writeFileSync } from 'node:fs';
import { adapt } from './adaptation.mjs';
import { readAdapter, readStarts, writeAdapter } from './adapter.mjs';
import { loadBundle } from './bundle.mjs';
import { History } from './history.mjs';
import { Keyboard } from './keyboard.mjs';
import { Model } from './model.mjs';
import { Ngrams } from './ngrams.mjs';
import { strengthOn } from './strength.mjs';
import { units } from './text.mjs';
import { Tokenizer } from './tokenizer.mjs';

async function open(path, publicKey) {
  const { manifest, files } = loadBundle(path, readFileSync(publicKey));
  return new Keyboard({
    manifest,
    model: await Model.load(files['model.tflite'], manifest),
    tokenizer: new Tokenizer(files['tokenizer.model'], manifest.model.bos),
    ngrams: new Ngrams(files['ngram.safetensors'], manifest.ngram_weight),
    starts: readStarts(files['adapter_init.safetensors'], manifest.recipe.starts, manifest.model),
  });
}

async function answer(keyboard, request) {
  const { texts = [], shared = [], personal = [], messages = [], store } = request;
  const { manifest, tokenizer } = keyboard;
  const adapter = request.adapter ? readAdapter(readFileSync(request.adapter), manifest) : keyboard.starts[0];
  const adaptation = request.adapt ? await adapt(keyboard, messages, adapter) : { adapter };
  const { adapter: used, ...verdict } = adaptation;
  const strength = request.adapt ? await strengthOn(keyboard, messages, used) : 1;
  const history = new History(manifest.recipe.history, strength);
  for (const message of messages) history.observe(units(message), await keyboard.projections(message));
  if (store) writeFileSync(store.path, writeAdapter(used, store.form, manifest));
  return {
    texts: texts.map((text) => ({ units: units(text), ids: tokenizer.encode(text).ids })),
    shared: await inTurn(shared, ({ context, prefix, k }) => keyboard.shared(context, prefix, k)),
    adaptation: { ...verdict, strength },
    personal: await inTurn(personal, ({ context, prefix, k }) => keyboard.personal(context, prefix, k, used, history)),
  };
}

async function inTurn(items, make) {
  const made = [];
  for (const item of items) made.push(await make(item));
  return made;
}

const [path, publicKey] = process.argv.slice(2);
try {
  const keyboard = await open(path, publicKey);
  process.stdout.write(JSON.stringify(await answer(keyboard, JSON.parse(readFileSync(0, 'utf8')))));
} catch (error) {
  process.stderr.write(`${error.stack}\n`);
  process.exitCode = 1;
}
