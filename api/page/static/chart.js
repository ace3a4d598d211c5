// Small charts as SVG, drawn for the width that they get, so that their text is not scaled.

import { svgElement } from "./elements.js";

const MARGIN = { left: 40, right: 12, top: 14, bottom: 12 };
const LABEL = 24;
const LINE = 14;
const HEIGHT = 230;
const MAX_BARS = 200;

/** Draws one bar for each value: better above 0, worse below. `values`: numbers, largest first. */
export function bars(values, width, name, unit) {
  const shown = quantiles(values);
  const limit = heightOf(shown);
  const plot = frame(width, [0, shown.length], [Math.min(0, ...shown), limit], name);
  const each = plot.x(1) - plot.x(0);
  shown.forEach((value, place) => {
    const top = plot.y(Math.min(Math.max(value, 0), limit));
    plot.svg.append(
      svgElement("rect", {
        x: plot.x(place) + 0.1 * each,
        y: top,
        width: Math.max(0.8 * each, 0.5),
        height: Math.max(plot.y(Math.min(value, 0)) - top, 1),
        class: value > 0 ? "better" : value < 0 ? "worse" : "even",
      }, title(`${signed(value)} ${unit}`)),
    );
    if (value > limit) plot.svg.append(...cut(plot.x(place), each, top, signed(value)));
  });
  plot.svg.append(svgElement("line", { class: "axis", x1: MARGIN.left, x2: width - MARGIN.right, y1: plot.y(0), y2: plot.y(0) }));
  return plot.svg;
}

/** Draws a histogram. `values`: numbers, smallest first. */
export function histogram(values, width, name, label) {
  const [low, high, step] = ticks(values[0], values.at(-1), 10);
  const counts = new Array(Math.max(1, Math.round((high - low) / step))).fill(0);
  for (const value of values) counts[Math.min(counts.length - 1, Math.floor((value - low) / step))] += 1;
  const edge = (place) => low + place * step;
  const plot = frame(width, [low, edge(counts.length)], [0, Math.max(...counts)], name, label);
  counts.forEach((count, place) => {
    const [left, right] = [plot.x(edge(place)) + 1, plot.x(edge(place + 1)) - 1];
    plot.svg.append(
      svgElement("rect", { class: "better", x: left, y: plot.y(count), width: right - left, height: plot.y(0) - plot.y(count) },
        title(`${rounded(edge(place))} to ${rounded(edge(place + 1))} ${label}: ${count}`)),
    );
  });
  return plot.svg;
}

/** Draws lines. `series`: `[{name, look, points: [[x, y]], smooth: [[x, y]]}]`; points are drawn as dots, smooth as a line. */
export function lines(series, width, name, label) {
  const points = series.flatMap((each) => each.points);
  const plot = frame(width, extent(points.map(([x]) => x)), extent(points.map(([, y]) => y)), name, label, 58);
  let above = -Infinity;
  const byEnd = series.toSorted((one, other) => other.smooth.at(-1)[1] - one.smooth.at(-1)[1]);
  for (const { points: dots, smooth, look, name: title } of byEnd) {
    plot.svg.append(...dots.map(([x, y]) => svgElement("circle", { class: `dot ${look}`, cx: plot.x(x), cy: plot.y(y), r: 2.5 })));
    plot.svg.append(svgElement("polyline", { class: `line ${look}`, points: smooth.map(([x, y]) => `${plot.x(x)},${plot.y(y)}`).join(" ") }));
    const [x, y] = smooth.at(-1);
    above = Math.max(plot.y(y) + 4, above + LINE);
    plot.svg.append(svgElement("text", { class: look, x: plot.x(x) + 6, y: above }, title));
  }
  return plot.svg;
}

function frame(width, [left, right], [low, high], name, label = "", room = 0) {
  const [bottom, top, step] = ticks(low, high, 6);
  const across = width - MARGIN.left - MARGIN.right - room;
  const down = HEIGHT - MARGIN.top - MARGIN.bottom - (label ? LABEL : 0);
  const x = (value) => MARGIN.left + (across * (value - left)) / (right - left || 1);
  const y = (value) => MARGIN.top + (down * (top - value)) / (top - bottom || 1);
  const svg = svgElement("svg", { viewBox: `0 0 ${width} ${HEIGHT}`, role: "img", "aria-label": name });
  for (let value = bottom; value <= top + step / 2; value += step) {
    svg.append(svgElement("line", { class: "grid", x1: MARGIN.left, x2: MARGIN.left + across, y1: y(value), y2: y(value) }));
    svg.append(svgElement("text", { x: MARGIN.left - 6, y: y(value) + 4, "text-anchor": "end" }, rounded(value)));
  }
  if (label) {
    const [first, last, apart] = ticks(left, right, Math.max(2, Math.floor(across / 70)));
    for (let value = first; value <= last; value += apart) {
      if (value >= left && value <= right) {
        svg.append(svgElement("text", { x: x(value), y: HEIGHT - 18, "text-anchor": "middle" }, rounded(value)));
      }
    }
    svg.append(svgElement("text", { x: MARGIN.left + across / 2, y: HEIGHT - 2, "text-anchor": "middle" }, label));
  }
  return { svg, x, y };
}

/** Returns the largest value that is drawn in full. Bars far above all others are cut so that the others stay readable. */
function heightOf(values) {
  const gains = values.filter((value) => value > 0);
  const usual = gains[Math.floor(gains.length / 10)] ?? 0;
  const most = Math.max(0, ...gains);
  return most > 4 * usual ? 2 * usual : most;
}

/** Marks a bar as cut and shows its value. */
function cut(left, width, top, text) {
  const slope = { x1: left, x2: left + width, y1: top + 16, y2: top + 8 };
  return [svgElement("line", { class: "gap", ...slope }), svgElement("text", { x: left + width + 2, y: top + 10 }, text)];
}

/** Returns the first tick, the last tick and the step: 1, 2 or 5 times a power of ten. */
function ticks(low, high, count) {
  const rough = (high - low || 1) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((times) => times * power).find((each) => each >= rough);
  return [Math.floor(low / step) * step, Math.ceil(high / step) * step, step];
}

/** Returns the values, or as many quantiles as bars can be shown. */
function quantiles(values) {
  if (values.length <= MAX_BARS) return values;
  return Array.from({ length: MAX_BARS }, (_, place) => values[Math.round((place * (values.length - 1)) / (MAX_BARS - 1))]);
}

function extent(values) {
  return [Math.min(...values), Math.max(...values)];
}

function title(text) {
  return svgElement("title", {}, text);
}

function signed(value) {
  return `${value > 0 ? "+" : ""}${value.toFixed(1)}`;
}

function rounded(value) {
  return String(Number(value.toPrecision(3)));
}
