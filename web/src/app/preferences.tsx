/** What a person prefers: theme and language, kept in this browser.  Everything else of a view is in its URL. */

import { createContext, type ReactNode, useContext, useEffect, useMemo, useState } from "react";
import { en, LANGUAGES, type Language, type Words, wordsOf } from "@/words/words";

export const THEMES = ["system", "light", "dark", "solarized-light", "terminal", "fluid"] as const;
export type Theme = (typeof THEMES)[number];
export type ShownTheme = Exclude<Theme, "system">;

const KEPT = "wellhead-preferences";

interface Kept {
  readonly theme: Theme;
  readonly language: Language;
}

interface Preferences extends Kept {
  /** The theme that is shown: `system` is light or dark by now. */
  readonly shown: ShownTheme;
  readonly words: Words;
  readonly prefer: (change: Partial<Kept>) => void;
}

const Context = createContext<Preferences | null>(null);
const darkness = window.matchMedia("(prefers-color-scheme: dark)");

export function Preferred({ children }: { children: ReactNode }) {
  const [kept, setKept] = useState(read);
  const [isDark, setDark] = useState(darkness.matches);
  const [words, setWords] = useState(en);

  useEffect(() => {
    const note = () => setDark(darkness.matches);
    darkness.addEventListener("change", note);
    return () => darkness.removeEventListener("change", note);
  }, []);

  const shown: ShownTheme = kept.theme === "system" ? (isDark ? "dark" : "light") : kept.theme;
  useEffect(() => {
    document.documentElement.dataset.theme = shown;
  }, [shown]);

  useEffect(() => {
    let isWanted = true;
    document.documentElement.lang = kept.language;
    void wordsOf(kept.language).then((found) => isWanted && setWords(found));
    return () => {
      isWanted = false;
    };
  }, [kept.language]);

  const value = useMemo<Preferences>(() => {
    const prefer = (change: Partial<Kept>) => {
      const changed = { theme: kept.theme, language: kept.language, ...change };
      keep(changed);
      setKept(changed);
    };
    return { ...kept, shown, words, prefer };
  }, [kept, shown, words]);
  return <Context.Provider value={value}>{children}</Context.Provider>;
}

export function usePreferences(): Preferences {
  const found = useContext(Context);
  if (found === null) throw new Error("a part outside of <Preferred>");
  return found;
}

/** The texts in the chosen language. */
export function useWords(): Words {
  return usePreferences().words;
}

function read(): Kept {
  let said: Partial<Kept> = {};
  try {
    said = JSON.parse(localStorage.getItem(KEPT) ?? "{}") as Partial<Kept>;
  } catch {
    // Somebody else's, or storage is off: nothing is preferred then.
  }
  const language = [said.language, ...navigator.languages.map((tag) => tag.split("-")[0])].find((one) =>
    (LANGUAGES as readonly (string | undefined)[]).includes(one),
  );
  return {
    theme: THEMES.find((one) => one === said.theme) ?? "system",
    language: (language as Language | undefined) ?? "en",
  };
}

function keep(preferences: Kept): void {
  try {
    localStorage.setItem(KEPT, JSON.stringify(preferences));
  } catch {
    // Storage is off: the choice holds until the page is left.
  }
}
