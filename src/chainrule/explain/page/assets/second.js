// Matrices of derivatives: the Jacobians of a result that is an array, and second derivatives of the loss.

const ofInputs = "at the inputs that were recorded";

chainrule.section("jacobians", "Jacobian", (section) => {
  const { jacobians, result } = chainrule.story;
  if (!jacobians.length) return;
  section.append(
    el("p.hint", {}, `A row for each entry of the input, a column for each of the result, ${ofInputs}.`),
    matrices(jacobians, () => row("<mo>∂</mo>", result.m), (by) => row("<mo>∂</mo>", by)));
});

chainrule.section("second-derivatives", "Second derivatives", (section) => {
  const { second, loss } = chainrule.story;
  if (!second.length) return;
  section.append(
    el("p.hint", {}, `A row and a column for each entry of the input, ${ofInputs}. What is zero everywhere is left out.`),
    matrices(second, () => row("<msup><mo>∂</mo><mn>2</mn></msup>", chainrule.steps[loss].name.m), (by) => row("<mo>∂</mo>", `<msup>${row(by)}<mn>2</mn></msup>`)));
});

/** Each matrix as an equation, or beside its formula where it is large. */
function matrices(found, above, below) {
  return el("ol.derivation", {}, found.map(({ by, formula, value, product }) => {
    const fits = value && isSmall(value);
    const name = `<mfrac>${above()}${below(by.m)}</mfrac>`;
    return el("li", {}, el("div", {}, equation([name, formula?.m ?? null, fits ? valueMath(value) : null]),
      product && el("div", { title: `for any change ${product[0].t} of ${by.t}` }, equation([row(name, product[0].m), product[1].m])),
      value && !fits && picture(value, `derivatives by ${by.t}`)));
  }));
}
