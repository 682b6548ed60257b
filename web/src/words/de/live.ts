import type { Words } from "../words";

export const live: Words["live"] = {
  about: "Aufrufe, wie sie beginnen und enden, in jedem Gateway.",
  table: "Laufende Aufrufe",
  pause: "Anhalten",
  resume: "Weiter",
  paused: "Angehalten.",
  came: (count) => `Neue Aufrufe seitdem: ${count}.`,
  more: (count) => `Gezeigt werden dann die neuesten ${count}; alle stehen unter Aufrufe.`,
  state: {
    connecting: "Die Verbindung wird aufgebaut …",
    live: "live",
    reconnecting: "Die Verbindung ist weg; sie wird wieder aufgebaut.",
    full: "Es sehen schon so viele zu, wie dürfen; es wird gleich wieder versucht.",
    denied: "Sie dürfen nicht zusehen.",
    failed: "Hier lässt sich nicht zusehen.",
    asleep: "Ruht, solange niemand hinsieht.",
  },
  lagged: (count) => `Ausgelassene Ereignisse: ${count}. Die Zahlen sind eine Minute lang zu klein.`,
  laggedUnknown: "Ohne Verbindung sind Ereignisse entgangen. Die Zahlen sind eine Minute lang zu klein.",
  totals: {
    rate: "Aufrufe je Sekunde",
    rateNote: "über 10 s",
    open: "Jetzt offen",
    cost: "Kosten der letzten Minute",
    ended: (count) => `geendet: ${count}`,
    unpriced: (count) => `ohne bekannte Kosten: ${count}`,
    watched: (seconds) => `erst seit ${seconds} s beobachtet`,
  },
  empty: {
    title: "Bisher keine Aufrufe",
    filtered: "Bisher kam keiner, der zu diesen Filtern passt. Er steht hier, sobald es so weit ist.",
  },
};
