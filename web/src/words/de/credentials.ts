import type { Words } from "../words";

export const credentials: Words["credentials"] = {
  about: "Geheimnisse gegenüber Anbietern. Sie werden versiegelt, sobald sie kommen, und nie wieder gezeigt.",
  title: "Zugangsdaten",
  none: "Noch keine Zugangsdaten.",
  noneHow:
    "Bis dahin geht der eigene Schlüssel eines Clients zum Anbieter durch. „Neue Zugangsdaten“ behält den Schlüssel eines Anbieters hier, versiegelt: Wer mit einem unserer Schlüssel aufruft, braucht dann keinen des Anbieters.",
  add: "Neue Zugangsdaten",
  name: "Name",
  provider: "Anbieter",
  whose: "für",
  everybody: "alle mit einem Schlüssel",
  state: "Zustand",
  serves: "in Gebrauch",
  rests: "ruht",
  created: "angelegt",
  actions: "Aktionen",
  rest: "Ruhen lassen",
  serve: "Wieder benutzen",
  replace: "Geheimnis ersetzen",
  remove: "Löschen",
  removeTitle: "Diese Zugangsdaten löschen?",
  removeText: (name) => `Das Geheimnis von ${name} ist sofort fort, und Aufrufe benutzen es nicht mehr.`,
  form: {
    name: "Name, für Menschen",
    provider: "Anbieter",
    project: "Für welches Projekt",
    secret: "Geheimnis",
    secretHint: "Der Schlüssel, den der Anbieter Ihnen gab. Druckbares ASCII.",
    save: "Versiegeln und behalten",
  },
};
