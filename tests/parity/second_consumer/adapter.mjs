// "An adapter on disk": four forms, a model id, a hash. An adapter here is {lora_a, lora_b, bias}, Float32Arrays.

import { createHash } from 'node:crypto';
import { fromHalf, roundEven, toHalf } from './half.mjs';
import { bytesOf, readSafetensors, writeSafetensors } from './safetensors.mjs';

export const NAMES = ['lora_a', 'lora_b', 'bias'];
const HASHED = [...NAMES, ...NAMES.map((name) => `${name}.scale`), 'bias.pieces', 'bias.values'];

/** The starts of a bundle, `recipe.starts` of them. */
export function readStarts(bytes, count, model) {
  const { tensors } = readSafetensors(bytes);
  return Array.from({ length: count }, (_, i) => {
    const own = Object.fromEntries(NAMES.map((name) => [name, tensors[i ? `${i}.${name}` : name]]));
    return unpack(own, 'float32', model);
  });
}

/** The adapter in a file, refused when it is another base's, of an unknown form, or damaged. */
export function readAdapter(bytes, manifest) {
  const { tensors, metadata } = readSafetensors(bytes);
  if (metadata.model_id !== manifest.model_id) throw new Error('the adapter belongs to another model');
  const adapter = unpack(tensors, metadata.form ?? oldForm(tensors), manifest.model);
  if (digest(tensors) !== metadata.sha256) throw new Error('the adapter is damaged: its hash is another');
  return adapter;
}

/** The file of an adapter in one form. */
export function writeAdapter(adapter, form, manifest) {
  const tensors = pack(adapter, form, manifest.model);
  return writeSafetensors(tensors, { model_id: manifest.model_id, form, sha256: digest(tensors) });
}

/** The adapter as it will be read back. */
export function storedAs(adapter, form, model) {
  return unpack(pack(adapter, form, model), form, model);
}

export function isFinite(adapter) {
  return NAMES.every((name) => adapter[name].every(Number.isFinite));
}

function shapes({ embedding, rank, vocab }) {
  return { lora_a: [embedding, rank], lora_b: [rank, embedding], bias: [vocab] };
}

function digest(tensors) {
  const hash = createHash('sha256');
  for (const name of HASHED) if (tensors[name]) hash.update(bytesOf(tensors[name].data));
  return hash.digest('hex');
}

function oldForm(tensors) {
  return NAMES.every((name) => tensors[name]?.dtype === 'F16') ? 'float16' : 'float32';
}

function pack(adapter, form, model) {
  const of = (name, dtype, data) => ({ dtype, shape: shapes(model)[name], data });
  const each = (make) => Object.fromEntries(NAMES.map((name) => [name, make(name, adapter[name])]));
  const half = (name, data) => of(name, 'F16', Uint16Array.from(data, toHalf));
  if (form === 'float32') return each((name, data) => of(name, 'F32', data));
  if (form === 'float16') return each(half);
  if (form === 'int8') {
    const scales = each((name, data) => Math.fround(Math.max(largest(data) / 127, 2 ** -126)));
    const steps = each((name, data) =>
      of(
        name,
        'I8',
        Int8Array.from(data, (x) => roundEven(Math.fround(x / scales[name]))),
      ),
    );
    for (const name of NAMES) steps[`${name}.scale`] = { dtype: 'F32', shape: [], data: Float32Array.of(scales[name]) };
    return steps;
  }
  const bias = Uint16Array.from(adapter.bias, toHalf);
  const least = 0.01 * largest(Float32Array.from(bias, fromHalf));
  const kept = [...bias.keys()].filter((i) => fromHalf(bias[i]) && Math.abs(fromHalf(bias[i])) >= least);
  const pieces = (model.vocab <= 65536 ? Uint16Array : Uint32Array).from(kept);
  return {
    lora_a: half('lora_a', adapter.lora_a),
    lora_b: half('lora_b', adapter.lora_b),
    'bias.pieces': { dtype: model.vocab <= 65536 ? 'U16' : 'U32', shape: [kept.length], data: pieces },
    'bias.values': { dtype: 'F16', shape: [kept.length], data: Uint16Array.from(kept, (i) => bias[i]) },
  };
}

function unpack(stored, form, model) {
  const entries = stored['bias.pieces']?.data.length;
  const found = Object.keys(stored)
    .map((name) => `${name} ${stored[name]?.dtype} ${stored[name]?.shape}`)
    .sort()
    .join();
  const wanted = Object.entries(layout(form, model, entries)).map(
    ([name, [dtype, shape]]) => `${name} ${dtype} ${shape}`,
  );
  if (found !== wanted.sort().join()) throw new Error(`an adapter in the form ${form} has other tensors than ${found}`);
  const read = { F32: (data) => data, F16: (data) => Float32Array.from(data, fromHalf) };
  const plain = (name) =>
    form === 'int8'
      ? Float32Array.from(stored[name].data, (x) => x * stored[`${name}.scale`].data[0])
      : read[stored[name].dtype](stored[name].data);
  const low = { lora_a: plain('lora_a'), lora_b: plain('lora_b') };
  const adapter = { ...low, bias: form === 'sparse' ? dense(stored, model.vocab) : plain('bias') };
  if (!isFinite(adapter)) throw new Error('the adapter holds numbers that are not finite');
  return adapter;
}

function layout(form, model, entries = 0) {
  const all = (dtype) =>
    Object.fromEntries(Object.entries(shapes(model)).map(([name, shape]) => [name, [dtype, shape]]));
  if (form === 'float32') return all('F32');
  if (form === 'float16') return all('F16');
  if (form === 'int8')
    return { ...all('I8'), ...Object.fromEntries(NAMES.map((name) => [`${name}.scale`, ['F32', []]])) };
  if (form !== 'sparse') throw new Error(`the form ${form} is unknown`);
  const { lora_a, lora_b } = all('F16');
  const piece = model.vocab <= 65536 ? 'U16' : 'U32';
  return { lora_a, lora_b, 'bias.pieces': [piece, [entries]], 'bias.values': ['F16', [entries]] };
}

function dense(stored, vocab) {
  const bias = new Float32Array(vocab);
  let before = -1;
  stored['bias.pieces'].data.forEach((piece, i) => {
    if (piece <= before || piece >= vocab) throw new Error('the pieces of a sparse bias do not ascend');
    bias[piece] = fromHalf(stored['bias.values'].data[i]);
    before = piece;
  });
  return bias;
}

function largest(data) {
  return data.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
}
