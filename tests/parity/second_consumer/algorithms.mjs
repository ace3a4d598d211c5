// "Adapting", the table: from the starts to the owner's adapter, by `recipe.algorithm`.

import { NAMES } from './adapter.mjs';

const LARGE = 1024;

export const ALGORITHMS = {
  steps: (model, recipe, learnt, heldOut, starts) => train(model, recipe, learnt, starts[0]),

  clusters: async (model, recipe, learnt, heldOut, starts) =>
    train(model, recipe, learnt, await fittest(model, learnt, starts)),

  interpolate: async (model, recipe, learnt, heldOut, [shared]) => {
    const own = await train(model, recipe, learnt, shared);
    const { grid } = recipe.constants;
    return fittest(
      model,
      heldOut,
      Array.from({ length: grid }, (_, i) => between(shared, own, 1 - i / (grid - 1))),
    );
  },

  apfl: (model, recipe, learnt, heldOut, [shared]) => {
    const { alpha, alpha_rate } = recipe.constants;
    return mixed(model, recipe, learnt, shared, alpha, alpha_rate);
  },

  mapper: async (model, recipe, learnt, heldOut, [shared]) => {
    const { grid } = recipe.constants;
    const candidates = [];
    for (let i = 0; i < grid; i++) {
      candidates.push(await mixed(model, recipe, learnt, shared, i / (grid - 1), 0));
    }
    return fittest(model, heldOut, candidates);
  },

  fed_em: async (model, recipe, learnt, heldOut, starts) => {
    const logs = [];
    for (const start of starts) logs.push(await logProbs(model, learnt, start));
    const count = logs[0].length;
    let weights = starts.map(() => 1 / starts.length);
    for (let i = 0; i < recipe.constants.iterations; i++) {
      const next = starts.map(() => 0);
      for (let n = 0; n < count; n++) {
        const most = Math.max(...logs.map((of) => of[n]));
        const joint = logs.map((of, m) => weights[m] * Math.exp(of[n] - most));
        const all = joint.reduce((sum, x) => sum + x, 0);
        joint.forEach((x, m) => (next[m] += x / all / count));
      }
      weights = next;
    }
    const mean = each((name) =>
      starts[0][name].map((_, j) => starts.reduce((sum, start, m) => sum + weights[m] * start[name][j], 0)),
    );
    return train(model, recipe, learnt, mean);
  },

  marginals: async (model, recipe, learnt, heldOut, [start]) => {
    const { strength, pseudo_count: few } = recipe.constants;
    const typed = new Float64Array(start.bias.length);
    const expected = new Float64Array(start.bias.length);
    const measure = { learning_rate: LARGE, bias_rate: LARGE, proximal: 0, clip: 1e30 };
    for (const batch of learnt.batches) {
      const targets = [...batch.targets].filter((target) => target >= 0);
      for (const target of targets) typed[target]++;
      const { bias } = await model.adapt(batch, start, start, measure);
      bias.forEach((x, piece) => (expected[piece] += (targets.length * (start.bias[piece] - x)) / LARGE));
    }
    const bias = start.bias.map((x, piece) => {
      if (!typed[piece]) return x;
      const often = Math.max(typed[piece] + expected[piece], 0);
      return x + strength * Math.log((typed[piece] + few) / (often + few));
    });
    return train(model, recipe, learnt, { ...start, bias });
  },
};

/** Log-probability of each counted target, in order. */
export async function logProbs(model, { batches }, adapter) {
  const found = [];
  for (const batch of batches) {
    const all = await model.evaluate(batch, adapter);
    batch.targets.forEach((target, i) => target >= 0 && found.push(all[i]));
  }
  return found;
}

async function train(model, recipe, learnt, anchor) {
  const { number, rates } = planned(recipe, learnt);
  let adapter = anchor;
  for (let i = 0; i < number; i++) {
    adapter = await model.adapt(learnt.batches[i % learnt.batches.length], adapter, anchor, rates);
  }
  return adapter;
}

/** K steps of the own adapter through its mixture with the shared one: the result of `apfl`. */
async function mixed(model, recipe, learnt, shared, alpha, alphaRate) {
  const { number, rates } = planned(recipe, learnt);
  const measure = { learning_rate: LARGE, bias_rate: LARGE, proximal: 0, clip: recipe.clip };
  let own = shared;
  for (let i = 0; i < number; i++) {
    const at = between(own, shared, alpha);
    const moved = await model.adapt(learnt.batches[i % learnt.batches.length], at, at, measure);
    const slope = each((name) => at[name].map((x, j) => (x - moved[name][j]) / LARGE));
    const turned = alpha - alphaRate * product(own, shared, slope);
    const rate = { lora_a: rates.learning_rate, lora_b: rates.learning_rate, bias: rates.bias_rate };
    own = each((name) => own[name].map((x, j) => x - alpha * rate[name] * slope[name][j]));
    alpha = Math.min(Math.max(turned, 0), 1);
  }
  return between(own, shared, alpha);
}

/** The number of steps K, and the rates of each. */
function planned({ steps, passes, learning_rate, bias_rate, proximal, clip, evidence }, { batches, counted }) {
  const number = steps && batches.length ? Math.max(steps, Math.ceil(passes * batches.length)) : 0;
  const share = counted ? (Math.sqrt(steps / number) * counted) / (counted + evidence) : 0;
  return { number, rates: { learning_rate: learning_rate * share, bias_rate: bias_rate * share, proximal, clip } };
}

/** The candidate with the least loss, the first of equals. */
async function fittest(model, windows, candidates) {
  let best;
  for (const adapter of candidates) {
    const loss = -(await logProbs(model, windows, adapter)).reduce((all, x) => all + x, 0);
    if (best === undefined || loss < best.loss) best = { adapter, loss };
  }
  return best.adapter;
}

function between(first, second, share) {
  return each((name) => first[name].map((x, i) => share * x + (1 - share) * second[name][i]));
}

function product(own, shared, slope) {
  let all = 0;
  for (const name of NAMES) own[name].forEach((x, i) => (all += (x - shared[name][i]) * slope[name][i]));
  return all;
}

function each(make) {
  return Object.fromEntries(NAMES.map((name) => [name, make(name)]));
}
