import type { Words } from "../words";
import { app } from "./app";
import { overview } from "./overview";
import { spend } from "./spend";

export const de: Words = { app, overview, spend };
