// The panel “The fleet”: gain by user, recall by day, and the sizes of adapters, of a simulation.

import { bars, histogram, lines } from "./chart.js";
import { element } from "./elements.js";

const WEEK = 7;
const KIB = 1024;

/** Draws the answer of `/v1/fleet` into `place`, and again when its width changes. */
export function showFleet(place, fleet) {
  place.replaceChildren();
  if (fleet.people === null && fleet.days === null) return place.append(...howTo());
  if (fleet.synthetic) {
    place.append(element("p", { class: "soft" }, "SYNTHETIC: made-up messages. The figures show that it works, not how well it would work for real users."));
  }
  const { people, days } = fleet;
  if (people !== null) place.append(element("p", { class: "soft" }, `Model ${people.bundle}; messages: ${people.corpus}`), figures(people));
  const charts = [people?.gains.length && gains(people), days?.days.some(tested) && recall(days), people?.adapter_bytes.length && sizes(people)];
  place.append(...charts.filter((chart) => chart));
  if (days !== null) place.append(element("p", { class: "soft" }, stored(days)));
}

function howTo() {
  return [
    element("p", {}, "To see simulated phones here, start the service with the results of a simulation:"),
    element("pre", { tabindex: "0", "aria-label": "Commands" }, "thumbprint simulate X.bundle --corpus corpus.sqlite --out runs/fleet\nthumbprint serve X.bundle --fleet runs/fleet"),
  ];
}

function figures({ tested: count, shared, personal, helped, hurt, likely_helped: likelyHelped, likely_hurt: likelyHurt }) {
  const all = [
    [`${percent(shared)} → ${percent(personal)}`, "of words are among the 3 suggestions, mean over users"],
    [percent(likelyHelped, 0), `of ${count} users are likely helped; ${percent(helped, 0)} gain at least 2 words in 100`],
    [percent(likelyHurt, 0), `likely hurt; ${percent(hurt, 0)} lose anything, chance included`],
  ];
  return element("ul", { class: "figures" }, ...all.map(([value, text]) => element("li", {}, element("b", {}, value), text)));
}

function gains({ gains: values }) {
  const name = `Bars: each user’s gain, from ${points(values[0])} to ${points(values.at(-1))} points`;
  const rows = values.map((value, place) => [place + 1, points(value)]);
  return chart("Gain by user", "words of 100 among the 3 suggestions, personal minus shared; one bar for each user",
    (width) => bars(values, width, name, "points"), ["user", "points"], rows);
}

function recall({ days, phones, people }) {
  const used = days.filter(tested);
  const series = ["personal", "shared"].map((whose) => ({
    name: whose,
    look: whose === "personal" ? "better" : "worse",
    points: used.map((day) => [day.day, 100 * day[whose]]),
    smooth: used.map((day, place) => [day.day, 100 * weekly(used.slice(Math.max(0, place + 1 - WEEK), place + 1), whose)]),
  }));
  const name = `Lines over days: the personal keyboard ends at ${last(series[0])}, the shared one at ${last(series[1])} of 100 words`;
  const rows = used.map((day) => [day.day, day.phones, percent(day.shared), percent(day.personal)]);
  return chart("Recall by day", `words of 100 among the 3 suggestions; dots: one day, lines: seven days; ${phones.toLocaleString()} phones of ${people} users`,
    (width) => lines(series, width, name, "days since first use"), ["day", "phones", "shared", "personal"], rows);
}

function sizes({ adapter_bytes: bytes, without_adapter: without }) {
  const kib = bytes.map((each) => each / KIB);
  const [least, most] = [kib[0].toFixed(1), kib.at(-1).toFixed(1)];
  const rest = without ? `; ${without} have none` : "";
  if (least === most) {
    const same = element("span", {}, `each of the ${bytes.length} phones with an adapter stores ${most} KiB${rest}`);
    return element("figure", {}, element("figcaption", {}, "Adapter sizes", same));
  }
  const name = `Histogram: ${bytes.length} adapters from ${least} to ${most} KiB`;
  return chart("Adapter sizes", `phones by the size of their adapter${rest}`, (width) => histogram(kib, width, name, "KiB"),
    ["phone", "KiB"], kib.map((each, place) => [place + 1, each.toFixed(1)]));
}

/** Makes a figure with a chart of the figure's width, and the same numbers as a table. */
function chart(title, subtitle, draw, head, rows) {
  const place = element("div");
  const cells = (row, tag) => element("tr", {}, ...row.map((cell) => element(tag, tag === "th" ? { scope: "col" } : {}, String(cell))));
  const table = element("table", {}, element("thead", {}, cells(head, "th")), element("tbody", {}, ...rows.map((row) => cells(row, "td"))));
  const scroll = element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": `${title}, table` }, table);
  const width = new ResizeObserver(([entry]) => {
    if (entry.contentRect.width) place.replaceChildren(draw(Math.round(entry.contentRect.width)));
  });
  width.observe(place);
  return element("figure", {}, element("figcaption", {}, title, element("span", {}, subtitle)), place,
    element("details", {}, element("summary", {}, `${title} as a table`), scroll));
}

function stored({ phones, phones_with_adapter: adapted, adapter_bytes_p50: half, adapter_bytes_max: most, adaptations }) {
  const said = `${adaptations.toLocaleString()} adaptations; ${adapted.toLocaleString()} of ${phones.toLocaleString()} phones end with an adapter`;
  return half === null ? `${said}.` : `${said}, half of them ${(half / KIB).toFixed(1)} KiB or less, at most ${(most / KIB).toFixed(1)} KiB.`;
}

function weekly(days, whose) {
  const phones = days.reduce((sum, day) => sum + day.phones, 0);
  return days.reduce((sum, day) => sum + day.phones * day[whose], 0) / phones;
}

function tested(day) {
  return day.phones > 0 && day.shared !== null && day.personal !== null;
}

function last(series) {
  return series.smooth.at(-1)[1].toFixed(1);
}

function percent(value, digits = 1) {
  return value === null ? "–" : `${(100 * value).toFixed(digits)} %`;
}

function points(value) {
  return `${value > 0 ? "+" : ""}${value.toFixed(1)}`;
}
