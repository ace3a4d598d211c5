// "Adapting": one adaptation, and the gate.

import { isFinite, storedAs } from './adapter.mjs';
import { ALGORITHMS, logProbs } from './algorithms.mjs';
import { pack, parts } from './windows.mjs';

/** Returns `{adapter, kept, tailWords, before, after}`; `adapter` is the one to use from now on. */
export async function adapt({ manifest, model, tokenizer, starts }, messages, current) {
  const { recipe, model: shape } = manifest;
  const split = parts(tokenizer, recipe, messages);
  const learnt = pack(split.learnt, shape);
  const heldOut = pack(split.heldOut, shape);
  const before = await wordLosses(model, heldOut, current);
  const old = { adapter: current, kept: false, tailWords: before.length, before: mean(before), after: mean(before) };
  const atOnce = recipe.algorithm === 'marginals' && recipe.constants.strength > 0;
  const idle = recipe.algorithm === 'none' || (recipe.steps === 0 && recipe.starts === 1 && !atOnce);
  if (idle || !learnt.counted || before.length < Math.max(recipe.gate.min_words, 1)) return old;
  const trained = await ALGORITHMS[recipe.algorithm](model, recipe, learnt, heldOut, starts);
  if (!isFinite(trained)) return old;
  const adapter = storedAs(trained, recipe.adapter_dtype, shape);
  const after = await wordLosses(model, heldOut, adapter);
  const kept = gains(before, after, recipe.gate.margin);
  return { ...old, adapter: kept ? adapter : current, kept, after: mean(after) };
}

/** Loss of each word, the sum over its pieces. */
async function wordLosses(model, windows, adapter) {
  const losses = [];
  (await logProbs(model, windows, adapter)).forEach((logProb, i) => {
    losses[windows.words[i]] = (losses[windows.words[i]] ?? 0) - logProb;
  });
  return losses;
}

function gains(before, after, margin) {
  const gain = before.map((loss, i) => loss - after[i]);
  const variance = gain.reduce((all, x) => all + (x - mean(gain)) ** 2, 0) / Math.max(gain.length - 1, 1);
  return mean(gain) >= margin * Math.sqrt(variance / gain.length);
}

function mean(numbers) {
  return numbers.length ? numbers.reduce((all, x) => all + x, 0) / numbers.length : 0;
}
