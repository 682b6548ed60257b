import type { Words } from "../words";
import { accounts } from "./accounts";
import { app } from "./app";
import { credentials } from "./credentials";
import { keys } from "./keys";
import { limits } from "./limits";
import { system } from "./system";
import { prices } from "./prices";
import { calls } from "./calls";
import { live } from "./live";
import { overview } from "./overview";
import { providers } from "./providers";
import { spend } from "./spend";

export const de: Words = {
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
