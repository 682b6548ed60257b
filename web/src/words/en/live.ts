/** The page Live; what it has in common with Calls is there. */
export const live = {
  about: "Calls as they begin and end, in every gateway.",
  table: "Live calls",
  pause: "Pause",
  resume: "Go on",
  paused: "Paused.",
  came: (count: string) => `New calls since: ${count}.`,
  more: (count: string) => `The newest ${count} are shown then; all are in Calls.`,
  state: {
    connecting: "connecting…",
    live: "live",
    reconnecting: "The connection is gone; it is tried again.",
    full: "As many watch as may; it is tried again in a moment.",
    denied: "You may not watch.",
    failed: "This cannot be watched.",
    asleep: "Resting while nobody looks.",
  },
  lagged: (count: string) => `Events that were skipped: ${count}. Figures are too low for a minute.`,
  laggedUnknown: "Events were missed while there was no connection. Figures are too low for a minute.",
  totals: {
    rate: "Calls per second",
    rateNote: "over 10 s",
    open: "Open now",
    cost: "Cost of the last minute",
    ended: (count: string) => `ended: ${count}`,
    unpriced: (count: string) => `without a known cost: ${count}`,
    watched: (seconds: string) => `watched for ${seconds} s so far`,
  },
  empty: {
    title: "No calls so far",
    filtered: "None that match these filters came so far. They are here as soon as they do.",
  },
};
