/**
 * The catalogue: every text of every page, by page, in each language.
 *
 * English (`en/`) is the shape; another language is a folder with the same files, and what
 * it lacks does not compile.  Texts with something to fill in are functions.
 */

import { accounts } from "./en/accounts";
import { app } from "./en/app";
import { credentials } from "./en/credentials";
import { keys } from "./en/keys";
import { limits } from "./en/limits";
import { system } from "./en/system";
import { prices } from "./en/prices";
import { calls } from "./en/calls";
import { live } from "./en/live";
import { overview } from "./en/overview";
import { providers } from "./en/providers";
import { spend } from "./en/spend";

export const en = {
  accounts,
  app,
  calls,
  credentials,
  keys,
  limits,
  live,
  overview,
  prices,
  providers,
  spend,
  system,
};
export type Words = typeof en;

export const LANGUAGES = ["en", "de"] as const;
export type Language = (typeof LANGUAGES)[number];

/** The catalogue of a language; others than English come when they are asked for. */
export async function wordsOf(language: Language): Promise<Words> {
  return language === "de" ? (await import("./de/words")).de : en;
}
