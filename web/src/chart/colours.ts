/** The colours of the theme that is shown, as charts need them: a canvas knows no CSS variables. */

export interface Colours {
  readonly text: string;
  readonly muted: string;
  readonly line: string;
  readonly surface: string;
  readonly good: string;
  readonly warn: string;
  readonly bad: string;
  readonly accent: string;
  readonly heat: readonly [string, string];
  readonly series: readonly string[];
  readonly font: string;
}

const SERIES = 8;

export function coloursNow(): Colours {
  const style = getComputedStyle(document.documentElement);
  const read = (name: string) => style.getPropertyValue(`--${name}`).trim();
  return {
    text: read("text"),
    muted: read("muted"),
    line: read("line"),
    surface: read("surface"),
    good: read("good"),
    warn: read("warn"),
    bad: read("bad"),
    accent: read("accent"),
    heat: [read("heat-0"), read("heat-1")],
    series: Array.from({ length: SERIES }, (_, n) => read(`series-${n + 1}`)),
    font: getComputedStyle(document.body).fontFamily,
  };
}
