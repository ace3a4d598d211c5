// "Files" and "Before use": the bundle's files, trusted only once every check has passed, in the specification's order.

import { createHash, createPublicKey, verify } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { unzipSync } from 'fflate';

const MB = 1024 * 1024;
const CONTENT = ['model.tflite', 'tokenizer.model', 'adapter_init.safetensors', 'ngram.safetensors'];
const LIMITS = {
  'model.tflite': 64 * MB,
  'tokenizer.model': 16 * MB,
  'adapter_init.safetensors': 16 * MB,
  'ngram.safetensors': 16 * MB,
  'manifest.json': MB,
  'manifest.sig': 64,
};

export class BundleError extends Error {}

/** Returns `{manifest, files}` of a bundle, folder or zip, that the owner of the PEM public key signed. */
export function loadBundle(path, publicKeyPem) {
  const files = statSync(path).isDirectory() ? readFolder(path) : readZip(path);
  const signature = files['manifest.sig'];
  if (signature.length !== 64 || !verify(null, files['manifest.json'], createPublicKey(publicKeyPem), signature)) {
    throw new BundleError('the signature does not fit');
  }
  const manifest = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(files['manifest.json']));
  if (manifest.format !== 'thumbprint-bundle') throw new BundleError('this is another format');
  if (manifest.format_version !== 5)
    throw new BundleError(`format version ${manifest.format_version} is not read here`);
  checkHashes(files, manifest);
  return { manifest, files };
}

function checkHashes(files, manifest) {
  if (Object.keys(manifest.files).sort().join() !== [...CONTENT].sort().join()) {
    throw new BundleError('the manifest vouches for other files');
  }
  const all = createHash('sha256');
  for (const name of CONTENT) {
    const { sha256, bytes } = manifest.files[name];
    if (files[name].length !== bytes || createHash('sha256').update(files[name]).digest('hex') !== sha256) {
      throw new BundleError(`${name} is not the file that was signed`);
    }
    all.update(files[name]);
  }
  if (all.digest('hex') !== manifest.model_id) throw new BundleError('the model_id is not that of the files');
}

function checkNames(names) {
  if (names.length !== new Set(names).size || [...names].sort().join() !== Object.keys(LIMITS).sort().join()) {
    throw new BundleError(`these are not the six files of a bundle: ${names.join(', ')}`);
  }
}

function checkSize(name, bytes) {
  if (bytes > LIMITS[name]) throw new BundleError(`${name} is too large`);
}

function readFolder(path) {
  checkNames(readdirSync(path));
  for (const name of Object.keys(LIMITS)) checkSize(name, statSync(join(path, name)).size);
  return Object.fromEntries(Object.keys(LIMITS).map((name) => [name, new Uint8Array(readFileSync(join(path, name)))]));
}

function readZip(path) {
  const packed = new Uint8Array(readFileSync(path));
  const entries = [];
  unzipSync(packed, { filter: (entry) => (entries.push(entry), false) }); // the directory alone, nothing unpacked yet
  checkNames(entries.map((entry) => entry.name));
  for (const { name, originalSize } of entries) checkSize(name, originalSize);
  return unzipSync(packed);
}
