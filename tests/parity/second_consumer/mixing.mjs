// "Learned weights": how much each component counts in a context.

const SCALES = [5, 3, 3, 2, 2];

/** The weights of the components, from coefficients `[K][1 + F]`, features `[F]`, and which components know something. */
export function weights(coefficients, features, present) {
  const raised = coefficients.map(([constant, ...slopes], k) => {
    return present[k] ? Math.exp(slopes.reduce((all, slope, i) => all + slope * features[i], constant)) : 0;
  });
  const whole = raised.reduce((all, each) => all + each, 0);
  return raised.map((each) => each / whole);
}

/** What describes a context; see the specification for the order. */
export function features({ total, followers, cosine, cached, atStart, logProbs }) {
  const counts = followers.flatMap((seen) => [sum(seen), seen.length]);
  const scaled = [total, ...counts].map((n, i) => Math.log1p(n) / SCALES[i]);
  const largest = followers.map((seen) => (seen.length ? Math.max(...seen) / sum(seen) : 0));
  let entropy = 0;
  let surest = 0;
  for (const log of logProbs) {
    const chance = Math.exp(log);
    if (chance > 0) entropy -= chance * log;
    surest = Math.max(surest, chance);
  }
  return [...scaled, ...largest, cosine, cached, atStart ? 1 : 0, surest, entropy / 5];
}

function sum(numbers) {
  return numbers.reduce((all, number) => all + number, 0);
}
