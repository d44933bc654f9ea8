// Jacobians of an array and second derivatives of the loss, where the story has them.

chainrule.section("derivatives", "Jacobian", (section) => {
  const found = chainrule.story.derivatives;
  if (!found?.length) return;
  const second = chainrule.steps[chainrule.story.loss].name.t === found[0].top.t;
  section.querySelector("h2").textContent = second ? "Second derivatives" : "Jacobian";
  section.append(
    el("p.hint", {}, second ? "A row and a column for each entry of the input; zero matrices are left out. These are at the inputs that were recorded."
      : `A row for each entry of ${found[0].top.t}, a column for each of the input, at the inputs that were recorded.`),
    el("ol.derivation", {}, found.map(({ top, by, formula, value }) => {
      const two = (mathml) => (second ? `<msup>${row(mathml)}<mn>2</mn></msup>` : mathml);
      const name = `<mfrac>${row(two("<mo>∂</mo>"), top.m)}${row("<mo>∂</mo>", two(by.m))}</mfrac>`;
      return el("li", {}, el("div", {}, equation([name, formula?.m ?? null, isSmall(value) ? valueMath(value) : null]),
        isSmall(value) ? null : picture(value, `derivatives by ${by.t}`)));
    })));
});
