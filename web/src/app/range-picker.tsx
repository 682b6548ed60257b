/** Which time a page is about. */

import { type FormEvent, useState } from "react";
import { Button } from "@/parts/button";
import { LONGEST_MS, PRESETS, type RangeName } from "@/pure/range";
import { useWords } from "./preferences";
import { rangeName, DEFAULT_RANGE } from "./search";
import { LOCAL_ZONE, useFormat, useUrl, useView } from "./view";

export function RangePicker() {
  const words = useWords();
  const format = useFormat();
  const [search, change] = useUrl();
  const { range, zone, isLocal } = useView();
  const name = rangeName(search);
  // Of which range another one is being picked; whoever went to another by a link picks no longer.
  const [picking, setPicking] = useState<string | null>(null);
  const here = [name, search.from, search.to].join(" ");

  const pick = (picked: RangeName) => {
    setPicking(picked === "custom" ? here : null);
    if (picked !== "custom") {
      change({ range: picked === DEFAULT_RANGE ? undefined : picked, from: undefined, to: undefined });
    }
  };
  const shown = picking === here ? "custom" : name;
  return (
    <div className="range">
      <div className="segments" role="group" aria-label={words.app.range.label}>
        {[...PRESETS, "custom" as const].map((one) => (
          <button key={one} type="button" aria-pressed={one === shown} onClick={() => pick(one)}>
            {words.app.range[one]}
          </button>
        ))}
      </div>
      <select
        aria-label={words.app.zone.label}
        value={isLocal ? "local" : "utc"}
        onChange={(event) => change({ tz: event.target.value === "local" ? "local" : undefined })}
      >
        <option value="utc">{words.app.zone.utc}</option>
        <option value="local">{words.app.zone.local(LOCAL_ZONE)}</option>
      </select>
      {shown === "custom" && <Custom key={zone} zone={zone} range={range} close={() => setPicking(null)} />}
      <span className="range-said muted">
        {words.app.range.said(format.moment(range.from), format.moment(range.to), zone)}
      </span>
    </div>
  );
}

/** Two moments on the clocks of the zone. */
function Custom({
  zone,
  range,
  close,
}: {
  zone: string;
  range: { from: number; to: number };
  close: () => void;
}) {
  const words = useWords();
  const [, change] = useUrl();
  const [from, setFrom] = useState(() => onClock(range.from, zone));
  const [to, setTo] = useState(() => onClock(range.to, zone));
  const [since, until] = [atClock(from, zone), atClock(to, zone)];
  const isGood = since < until && until - since <= LONGEST_MS;
  const apply = (event: FormEvent) => {
    event.preventDefault();
    if (!isGood) return;
    change({ range: "custom", from: new Date(since).toISOString(), to: new Date(until).toISOString() });
    close();
  };
  return (
    <form className="custom-range" onSubmit={apply}>
      <label>
        {words.app.range.from}{" "}
        <input type="datetime-local" value={from} onChange={(e) => setFrom(e.target.value)} />
      </label>
      <label>
        {words.app.range.to}{" "}
        <input type="datetime-local" value={to} onChange={(e) => setTo(e.target.value)} />
      </label>
      <Button type="submit" disabled={!isGood}>
        {words.app.range.apply}
      </Button>
      {until - since > LONGEST_MS && <small className="bad">{words.app.range.longest}</small>}
    </form>
  );
}

/** `2026-03-01T12:30`, as the clocks of the zone show a moment. */
function onClock(ms: number, zone: string): string {
  if (zone === "UTC") return new Date(ms).toISOString().slice(0, 16);
  const offset = new Date(ms).getTimezoneOffset() * 60_000;
  return new Date(ms - offset).toISOString().slice(0, 16);
}

/** The moment at which the clocks of the zone (UTC or this machine's) show that; NaN if they never do. */
function atClock(text: string, zone: string): number {
  return Date.parse(zone === "UTC" ? `${text}Z` : text);
}
