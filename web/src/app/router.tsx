/** Paths behind the `#`, so that the same files work under any path prefix, and a reload asks for nothing else. */

import {
  createHashHistory,
  createRootRoute,
  createRoute,
  createRouter,
  Link,
  type NotFoundRouteComponent,
} from "@tanstack/react-router";
import { Empty } from "@/parts/states";
import { PAGES } from "./pages";
import { useWords } from "./preferences";
import { parseSearch, type Search, stringifySearch } from "./search";
import { Shell } from "./shell";

const NotFound: NotFoundRouteComponent = () => {
  const words = useWords();
  return (
    <Empty title={words.app.notFound.title}>
      <Link to="/">{words.app.notFound.home}</Link>
    </Empty>
  );
};

const root = createRootRoute({
  component: Shell,
  notFoundComponent: NotFound,
  validateSearch: (search: Record<string, unknown>): Search => search as Search,
});

const routes = PAGES.map(({ path, show }) =>
  createRoute({ getParentRoute: () => root, path, component: show }),
);

export const router = createRouter({
  routeTree: root.addChildren(routes),
  history: createHashHistory(),
  parseSearch,
  stringifySearch,
  defaultPreload: "intent",
});
