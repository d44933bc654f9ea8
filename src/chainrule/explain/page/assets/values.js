// Numbers, as text, as mathematics and as maps of colours.

/** A number in at most about eight characters, as Python's values.short has it. */
function short(x) {
  if (typeof x === "string") return { Infinity: "inf", "-Infinity": "-inf", NaN: "nan" }[x] ?? x;
  if (typeof x === "boolean") return x ? "True" : "False";
  if (!Number.isFinite(x)) return Number.isNaN(x) ? "nan" : x > 0 ? "inf" : "-inf";
  if (x === 0) return "0";
  return general(x, Math.abs(x) >= 1000 ? 6 : 4);
}

/** C's %.*g. */
function general(x, digits) {
  const [mantissa, exponent] = x.toExponential(digits - 1).split("e");
  const power = Number(exponent);
  const trimmed = (text) => (text.includes(".") ? text.replace(/\.?0+$/, "") : text);
  if (power < -4 || power >= digits) {
    return `${trimmed(mantissa)}e${power < 0 ? "-" : "+"}${String(Math.abs(power)).padStart(2, "0")}`;
  }
  return trimmed(x.toFixed(Math.max(0, digits - 1 - power)));
}

const shapeText = (shape) => shape.join("×");
const isScalar = (v) => v.shape.length === 0;
const isSmall = (v) => v.numbers && v.numbers.length <= 24 && (v.shape.length < 2 || v.shape[1] <= 8);

/** The rows of an array with all its numbers; a vector is one row. */
function rowsOf(v) {
  const columns = v.shape.length ? v.shape[v.shape.length - 1] : 1;
  const rows = [];
  for (let i = 0; i < v.numbers.length; i += columns) rows.push(v.numbers.slice(i, i + columns));
  return rows;
}

/** A value on as many lines as it needs: a matrix row by row, in columns; a large array in words. */
function linesOf(v, narrow = false) {
  if (!v.numbers || !isSmall(v)) return v.lines;
  if (isScalar(v)) return [short(v.numbers[0])];
  const cells = rowsOf(v).map((r) => r.map(short));
  if (v.shape.length === 1) return [`[${cells.flat().join(" ")}]`];
  if (narrow && cells[0]?.length > 4) for (const c of cells) c.splice(3, c.length, "…");
  const widths = cells[0]?.map((_, j) => Math.max(...cells.map((r) => r[j].length))) ?? [];
  return cells.map((r) => `[${r.map((c, j) => c.padStart(widths[j])).join(" ")}]`);
}

const MOST_CHARACTERS = 40;
let mostLines = 5;

/** The lines of a value for a wire: vectors are columns there too. What is too long is cut. */
function labelOf(v) {
  let lines = isSmall(v) && v.shape.length === 1 && v.numbers.length > 1 ? columnOf(v.numbers) : linesOf(v, true);
  lines = lines.flatMap((line) => line.split(/, (?=mean|first|\d[\d.]*%)/));
  if (lines.length > mostLines) lines = [...lines.slice(0, mostLines - 1), "⋮"];
  return lines.map((line) => (line.length > MOST_CHARACTERS ? `${line.slice(0, MOST_CHARACTERS - 1)}…` : line));
}

/** Numbers one below the other in brackets. */
function columnOf(numbers) {
  if (numbers.length > mostLines) return [...columnOf(numbers.slice(0, mostLines - 1)), "⋮"];
  const cells = numbers.map(short);
  const width = Math.max(...cells.map((cell) => cell.length));
  return cells.map((cell) => `[${cell.padStart(width)}]`);
}

// As mathematics ------------------------------------------------------------------------------------------------

function numberMath(x) {
  const text = short(x).replace("inf", "∞").replace("nan", "NaN");
  const found = /^(-?[\d.]+)e([+-]\d+)$/.exec(text);
  if (found) {
    const power = String(Number(found[2])).replace("-", "−");
    return row(signed(found[1]), "<mo>×</mo>", `<msup><mn>10</mn><mn>${power}</mn></msup>`);
  }
  return signed(text);
}

const signed = (text) =>
  text.startsWith("-") ? row('<mo form="prefix">−</mo>', `<mn>${escaped(text.slice(1))}</mn>`) : `<mn>${escaped(text)}</mn>`;

/** A value in an equation: a number, a matrix in brackets (a vector is a column), or its shape where it is large. */
function valueMath(v) {
  if (!v.numbers) return row(`<mtext>${escaped(v.shape.length ? `${shapeText(v.shape)} …` : v.lines[0])}</mtext>`);
  if (isScalar(v)) return numberMath(v.numbers[0]);
  if (!isSmall(v)) return row(`<mtext>${escaped(shapeText(v.shape))} …</mtext>`);
  const rows = v.shape.length === 1 ? v.numbers.map((x) => [x]) : rowsOf(v);
  const cell = (x) => `<mtd>${x === null ? "<mo>⋮</mo>" : numberMath(x)}</mtd>`;
  const table = shortened(rows, (r) => r.map(() => null)).map((r) => `<mtr>${r.map(cell).join("")}</mtr>`).join("");
  return row("<mo>[</mo>", `<mtable>${table}</mtable>`, "<mo>]</mo>");
}

const LONG = 6;

/** Of many rows the first and the last, with what `gap` makes of one between them. */
const shortened = (rows, gap) => (rows.length > LONG ? [...rows.slice(0, LONG - 2), gap(rows[0]), rows.at(-1)] : rows);

/** A formula with the numbers put in: each name becomes its value, each ∂L/∂x its gradient. Null if one is large. */
function withNumbers(formula) {
  const made = math(formula.m);
  for (const node of made.querySelectorAll("[data-gradient], [data-name]")) {
    if (!made.contains(node)) continue; // inside of one that was replaced
    const step = chainrule.byName.get(node.dataset.gradient ?? node.dataset.name);
    if (step == null) continue;
    const v = node.dataset.gradient != null ? chainrule.steps[step].gradient : chainrule.steps[step].value;
    if (!v || !isSmall(v)) return null;
    const index = node.nextElementSibling;
    if (node.parentElement.localName === "msub" && v.shape.length === 1 && /^\d+$/.test(index?.textContent) && !node.previousElementSibling) {
      node.parentElement.outerHTML = numberMath(v.numbers[Number(index.textContent)]); // an entry of a vector
      continue;
    }
    const negative = isScalar(v) && short(v.numbers[0]).startsWith("-");
    const first = !node.previousElementSibling && node.parentElement === made;
    const asRow = v.shape.length === 1 && node.closest('[data-as="row"]');
    const text = valueMath(asRow ? { ...v, shape: [1, v.shape[0]] } : v);
    const holder = math(negative && !first ? row("<mo>(</mo>", text, "<mo>)</mo>") : text);
    node.replaceWith(...holder.childNodes);
  }
  return made.innerHTML;
}

// As a map of colours -------------------------------------------------------------------------------------------

/** A table of numbers on their colours, or a map of colours where there are many. */
function picture(v, label) {
  if (v.numbers && v.numbers.length <= 64 && v.shape.length <= 2) return numberTable(v, label);
  return v.heat ? heatMap(v.heat, label) : el("span.words", {}, v.lines.join(", "));
}

function numberTable(v, label) {
  const rows = rowsOf(v);
  const top = Math.max(0, ...v.numbers.filter(Number.isFinite).map(Math.abs));
  const cell = (x) => el("td", { style: `--heat:${tint(x, top)}` }, short(x).replace("-", "−"));
  return el("div.scroll", {}, el("table.numbers", { "aria-label": label },
    el("tbody", {}, rows.map((r) => el("tr", {}, r.map(cell))))));
}

/** From −1 to 1: how strongly a cell is coloured. */
const tint = (x, top) => (top && Number.isFinite(x) ? (x / top).toFixed(3) : 0);

function heatMap(heat, label) {
  const canvas = el("canvas.heat", { width: heat.columns, height: heat.rows, role: "img", "aria-label": label });
  const pixels = Uint8Array.from(atob(heat.pixels), (c) => c.charCodeAt(0));
  const image = new ImageData(heat.columns, heat.rows);
  pixels.forEach((byte, i) => image.data.set(colourOf(byte), 4 * i));
  canvas.getContext("2d").putImageData(image, 0, 0);
  const side = Math.max(3, Math.min(14, Math.floor(280 / Math.max(heat.columns, heat.rows))));
  canvas.style.width = `${heat.columns * side}px`;
  canvas.style.height = `${heat.rows * Math.max(side, heat.rows === 1 ? 14 : 0)}px`;
  const cut = heat.rows < heat.shape[0] || heat.columns < heat.shape[1];
  const told = `${shapeText(heat.shape)}, colours from −${short(heat.top)} to ${short(heat.top)}`;
  return el("figure.map", {}, canvas, el("figcaption", {}, cut ? `${told}; thinned out` : told));
}

/** Blue below zero, orange above, clear at zero; black where a number is not finite. */
function colourOf(byte) {
  if (byte === 0) return [0, 0, 0, 255];
  const t = (byte - 128) / 127;
  return [...(t < 0 ? [44, 108, 196] : [214, 111, 20]), Math.round(255 * Math.sqrt(Math.abs(t)))];
}
