// LiteRT.js is made for browsers: it loads its WebAssembly by a script tag or a worker's importScripts. Node has
// neither, but the script itself knows Node, so importScripts is all that is missing. What it says of a GPU that it
// does not find goes to stderr.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compileFunction } from 'node:vm';
import { loadAndCompile, loadLiteRt, Tensor } from '@litertjs/core';

export { Tensor };

/** Compiles a model's bytes for the CPU. */
export async function compile(bytes) {
  globalThis.self = globalThis;
  globalThis.importScripts = (path) => {
    const script = compileFunction(`${readFileSync(path, 'utf8')}\nreturn ModuleFactory;`, [
      'require',
      '__filename',
      '__dirname',
    ]);
    globalThis.ModuleFactory = script(createRequire(path), path, dirname(path));
  };
  await loadLiteRt(join(dirname(fileURLToPath(import.meta.resolve('@litertjs/core'))), '../wasm/'));
  return loadAndCompile(bytes, { accelerator: 'wasm', cpuOptions: { numThreads: 1 } });
}
