import type { Words } from "../words";
import { accounts } from "./accounts";
import { app } from "./app";
import { prices } from "./prices";
import { calls } from "./calls";
import { live } from "./live";
import { overview } from "./overview";
import { providers } from "./providers";
import { spend } from "./spend";

export const de: Words = { app, calls, live, overview, spend, accounts, prices, providers };
