// "Signatures": the three functions of model.tflite, by the names and shapes that the manifest gives them.

import { NAMES } from './adapter.mjs';
import { compile, Tensor } from './litert.mjs';

export class Model {
  static async load(bytes, manifest) {
    const compiled = await compile(bytes);
    for (const [name, { inputs, outputs }] of Object.entries(manifest.signatures)) {
      same(compiled.signatures[name].getInputDetails(), inputs);
      same(compiled.signatures[name].getOutputDetails(), outputs);
    }
    return new Model(compiled, manifest);
  }

  constructor(compiled, manifest) {
    this.compiled = compiled;
    this.signatures = manifest.signatures;
    this.shape = manifest.model;
  }

  zeroState() {
    return { cell: new Float32Array(this.shape.cells), projection: new Float32Array(this.shape.embedding) };
  }

  /** Reads one token: `[log_probs [V], the new state]`. */
  async step(token, state, adapter) {
    const { log_probs, ...next } = await this.run('step', { token: Int32Array.of(token), ...state, ...adapter });
    return [log_probs, next];
  }

  /** One local step; `batch` is {tokens, targets}, `rates` the four scalars. */
  async adapt(batch, adapter, anchor, rates) {
    const anchors = Object.fromEntries(NAMES.map((name) => [`anchor_${name}`, anchor[name]]));
    const scalars = Object.fromEntries(Object.entries(rates).map(([name, rate]) => [name, Float32Array.of(rate)]));
    const { loss, ...moved } = await this.run('adapt', { ...batch, ...adapter, ...anchors, ...scalars });
    return moved;
  }

  /** Log-probability of each target `[B * T]`, 0 where the target is -1. */
  async evaluate(batch, adapter) {
    return (await this.run('evaluate', { ...batch, ...adapter })).log_probs;
  }

  async run(signature, arrays) {
    const { inputs } = this.signatures[signature];
    const given = Object.fromEntries(
      Object.entries(inputs).map(([name, { shape }]) => [name, new Tensor(arrays[name], shape)]),
    );
    const answers = await this.compiled.run(signature, given);
    const copies = Object.fromEntries(
      Object.entries(answers).map(([name, tensor]) => [name, tensor.toTypedArray().slice()]),
    );
    for (const tensor of [...Object.values(given), ...Object.values(answers)]) tensor.delete();
    return copies;
  }
}

function same(details, wanted) {
  const found = details
    .map(({ name, dtype, shape }) => `${name} ${dtype} ${[...shape]}`)
    .sort()
    .join();
  const said = Object.entries(wanted)
    .map(([name, { dtype, shape }]) => `${name} ${dtype} ${shape}`)
    .sort()
    .join();
  if (found !== said) throw new Error(`the model's tensors are ${found}, the manifest says ${said}`);
}
