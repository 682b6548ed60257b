import type { Words } from "../words";

export const accounts: Words["accounts"] = {
  about: "Was Konten von ihren Kontingenten übrig haben, wie es die Kopfzeilen der Antworten zuletzt sagten.",
  used: (percent) => `${percent} verbraucht`,
  was: (percent) => `zuletzt ${percent}`,
  left: (left, limit) => `${left} von ${limit} übrig`,
  resets: (when) => `wieder frei ${when}`,
  anew: (when) => `neu begonnen ${when}`,
  told: (when) => `Stand: ${when}`,
  types: {
    "5h": "5 Stunden",
    week: "Woche",
    requests: "Anfragen",
    tokens: "Token",
    input_tokens: "Eingabe-Token",
    output_tokens: "Ausgabe-Token",
  },
  nobody: "kein Konto genannt",
  none: "Noch hat keine Antwort ein Kontingent genannt.",
  noneHow: [
    "Kontingente kommen mit den Kopfzeilen der Antworten: von Abonnements (Claude, Codex) und von Ratengrenzen der API-Schlüssel. Der erste Aufruf bei einem solchen Anbieter zeigt sie hier.",
    "Hinter CLIProxyAPI: Nennen Sie es als Ziel. Seine Antworten reichen die Kopfzeilen der Konten weiter, mit denen es aufruft, und Wellhead merkt sie sich je Konto.",
  ],
  upstream: "Das Gateway vor CLIProxyAPI starten",
  spend: "Ausgaben je Konto in den letzten 7 Tagen",
  noSpend: "Keine Aufrufe in den letzten 7 Tagen.",
  noSpendHow:
    "Aufrufe kommen mit dem Konto hierher, auf das ihr Anbieter sie gebucht hat, sobald sie geendet haben.",
  account: "Konto",
  provider: "Anbieter",
  calls: "Aufrufe",
  tokens: "Token",
  cost: "Kosten",
};
