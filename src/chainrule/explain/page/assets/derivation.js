// The derivation: every step as mathematics, from ∂L/∂L = 1 down to each input, then the closed forms.

const AT_ONCE = 60;

function drawDerivation(section) {
  const order = chainrule.story.order.map((name) => chainrule.byName.get(name));
  const list = el("ol.derivation");
  section.append(
    el("p.hint", {}, "∂", math(chainrule.steps[chainrule.story.loss].name.m), "/∂x is the gradient of the loss; ∂[…]/∂x, with a block in brackets, the local gradient of that block alone."),
    copyButton("Copy all as LaTeX", () => order.map(latexOf).join("\n\n")), list);
  let shown = 0;
  const more = el("button.quiet", { onclick: () => addMore() });
  const addMore = (count = AT_ONCE) => {
    list.append(...order.slice(shown, shown + count).map(derivationRow));
    shown = Math.min(order.length, shown + count);
    more.hidden = shown >= order.length;
    more.textContent = `Show ${Math.min(AT_ONCE, order.length - shown)} more of ${order.length - shown}`;
  };
  addMore();
  section.append(more);
  chainrule.on("values", () => { const before = shown; shown = 0; list.replaceChildren(); addMore(before); });
}

function derivationRow(place) {
  const step = chainrule.steps[place];
  const ways = step.ways.filter((way) => chainrule.steps[way.step].within == null);
  const plus = (parts) => (parts.some((p) => !p) ? null : sumMath(parts));
  const chain = ways.length === 0
    ? [gradientMath(place), "<mn>1</mn>"].slice(0, place === chainrule.story.loss ? 2 : 1)
    : [gradientMath(place), plus(ways.map((way) => chainMath(place, way))),
      plus(ways.map((way) => way.rule.m)), plus(ways.map((way) => numbersOf(way)))];
  const result = valueMath(step.gradient);
  const blocks = [...new Set(ways.map((way) => placeOf(chainrule.steps[way.step])))];
  return el("li", { "data-step": place },
    ways.length > 6 ? equation([gradientMath(place), result], el("span.note", {}, `a sum over ${ways.length} ways`)) : equation([...chain, result]),
    el("div.aside", {}, el("span.kind", {}, blocks.map((told) => el("div", {}, told))), copyButton("LaTeX", () => latexOf(place))));
}

/** A sum: a term with a minus before it is subtracted, a choice by a condition stands in parentheses. */
function sumMath(terms) {
  const minus = '<mrow><mo form="prefix">−</mo>', choice = '<mrow><mo form="prefix">{</mo>';
  if (terms.length === 1) return terms[0];
  return terms.map((term, i) => (i && term.startsWith(minus) ? `<mo>−</mo><mrow>${term.slice(minus.length)}`
    : `${i ? "<mo>+</mo>" : ""}${term.startsWith(choice) ? row("<mo>(</mo>", term, "<mo>)</mo>") : term}`)).join("");
}

function sumLatex(terms) {
  if (terms.length === 1) return terms[0];
  return terms.map((term) => (term.startsWith("\\begin{cases}") ? `\\left(${term}\\right)` : term))
    .reduce((sum, term) => (term.startsWith("-") ? `${sum} - ${term.slice(1)}` : `${sum} + ${term}`));
}

/** A block and its line: matmul model.py:37. */
function placeOf({ block, line }) {
  const file = line && chainrule.story.sources[line[0]].name;
  return file ? `${block} ${file}:${line[1]}` : block;
}

function latexOf(place) {
  const step = chainrule.steps[place];
  const ways = step.ways.filter((way) => chainrule.steps[way.step].within == null);
  const lines = ways.length
    ? [ways.map((way) => `${localLatex(place, way)} \\, ${gradientLatex(way.step)}`).join(" + "), sumLatex(ways.map((way) => way.rule.l))] : [];
  if (isSmall(step.gradient)) lines.push(valueLatex(step.gradient));
  const different = lines.filter((line, i) => lines.indexOf(line) === i);
  return `\\[\n\\begin{aligned}\n${gradientLatex(place)} &= ${different.join(" \\\\\n&= ")}\n\\end{aligned}\n\\]`;
}

const gradientLatex = (place) => `\\frac{\\partial ${chainrule.steps[chainrule.story.loss].name.l}}{\\partial ${chainrule.steps[place].name.l}}`;
const localLatex = (place, way) =>
  `\\frac{\\partial \\left[${chainrule.steps[way.step].formula.l}\\right]}{\\partial ${chainrule.steps[place].name.l}${way.use && `^{(${way.use})}`}}`;

function valueLatex(v) {
  const number = (x) => short(x).replace("inf", "\\infty").replace("nan", "\\mathrm{NaN}").replace(/e([+-]\d+)/, (_, e) => ` \\times 10^{${Number(e)}}`);
  if (isScalar(v)) return number(v.numbers[0]);
  const rows = v.shape.length === 1 ? v.numbers.map((x) => [x]) : rowsOf(v);
  return `\\begin{bmatrix} ${rows.map((r) => r.map(number).join(" & ")).join(" \\\\ ")} \\end{bmatrix}`;
}

function drawClosedForms(section) {
  section.append(el("ol.derivation.closed", {}, chainrule.story.closed.map((closed) => el("li", {},
    equation([closed.name.m, closed.formula.m]),
    el("div.aside", {}, copyButton("LaTeX", () => `${closed.name.l} = ${closed.formula.l}`))))));
}

function copyButton(label, text) {
  const button = el("button.quiet.copy", { title: "Copy as LaTeX", onclick: async () => {
    await copy(text());
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = label; }, 1200);
  } }, label);
  return button;
}

/** To the clipboard, also where the page is a file and the browser keeps its clipboard from it. */
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const field = el("textarea", { style: "position:fixed;opacity:0" });
    field.value = text;
    document.body.append(field);
    field.select();
    document.execCommand("copy");
    field.remove();
  }
}

chainrule.section("derivation", "Derivation", drawDerivation);
chainrule.section("closed-forms", "Closed forms", drawClosedForms);
