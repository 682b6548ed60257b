import type { Words } from "../words";
import { app } from "./app";

export const de: Words = { app };
