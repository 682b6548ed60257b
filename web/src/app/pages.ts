/** Every page: its path, its name in the catalogue, and the section of the menu that it is in. */

import { type FunctionComponent, lazy } from "react";
import type { Words } from "@/words/words";

export interface Page {
  readonly path: string;
  readonly name: keyof Words["app"]["pages"];
  readonly section: keyof Words["app"]["sections"];
  /** Whether it is about a range of time, and shows a picker for it. */
  readonly hasRange: boolean;
  readonly show: FunctionComponent;
}

export const PAGES: readonly Page[] = [
  {
    path: "/",
    name: "overview",
    section: "look",
    hasRange: true,
    show: lazy(() => import("@/pages/overview/page")),
  },
  {
    path: "/live",
    name: "live",
    section: "look",
    hasRange: false,
    show: lazy(() => import("@/pages/live/page")),
  },
  {
    path: "/calls",
    name: "calls",
    section: "look",
    hasRange: true,
    show: lazy(() => import("@/pages/calls/page")),
  },
  {
    path: "/spend",
    name: "spend",
    section: "look",
    hasRange: true,
    show: lazy(() => import("@/pages/spend/page")),
  },
  {
    path: "/keys",
    name: "keys",
    section: "access",
    hasRange: false,
    show: lazy(() => import("@/pages/keys/page")),
  },
  {
    path: "/credentials",
    name: "credentials",
    section: "access",
    hasRange: false,
    show: lazy(() => import("@/pages/credentials/page")),
  },
  {
    path: "/limits",
    name: "limits",
    section: "access",
    hasRange: false,
    show: lazy(() => import("@/pages/limits/page")),
  },
  {
    path: "/providers",
    name: "providers",
    section: "works",
    hasRange: true,
    show: lazy(() => import("@/pages/providers/page")),
  },
  {
    path: "/accounts",
    name: "accounts",
    section: "works",
    hasRange: false,
    show: lazy(() => import("@/pages/accounts/page")),
  },
  {
    path: "/prices",
    name: "prices",
    section: "works",
    hasRange: false,
    show: lazy(() => import("@/pages/prices/page")),
  },
  {
    path: "/system",
    name: "system",
    section: "works",
    hasRange: false,
    show: lazy(() => import("@/pages/system/page")),
  },
];
