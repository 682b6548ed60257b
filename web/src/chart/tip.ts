/** What is shown beside the pointer: elements, since a text with styles in it would need a weaker policy. */

import type { Known } from "@/pure/format";

interface Row {
  readonly name: string;
  readonly value: number | null;
  readonly colour: string;
}

export function tipOf(title: string, rows: readonly Row[], say: (value: Known) => string): HTMLElement {
  const tip = made("div", "chart-tip");
  tip.append(made("strong", "", title));
  for (const { name, value, colour } of rows) {
    const row = made("div", "chart-tip-row");
    const swatch = made("span", "swatch");
    swatch.style.background = colour;
    row.append(swatch, made("span", "", name), made("span", "number", say(value)));
    tip.append(row);
  }
  return tip;
}

function made(tag: string, className: string, text = ""): HTMLElement {
  const element = document.createElement(tag);
  element.className = className;
  element.textContent = text;
  return element;
}
