/** What is around every page: the menu, the range of time, and what a person prefers. */

import { Link, Outlet, useLocation, useMatches } from "@tanstack/react-router";
import { Component, type ReactNode, Suspense, useEffect, useRef, useState } from "react";
import { post } from "@/api/client";
import { queries, useChange } from "@/api/hooks";
import mark from "@/mark.svg?no-inline";
import { Button } from "@/parts/button";
import { Failure, Loading } from "@/parts/states";
import { LANGUAGES, type Language } from "@/words/words";
import { PAGES } from "./pages";
import { THEMES, type Theme, usePreferences, useWords } from "./preferences";
import { RangePicker } from "./range-picker";
import { useWho } from "./session";
import { shared, useUrl } from "./view";

export function Shell() {
  const words = useWords();
  const { pathname } = useLocation();
  // On a narrow screen; whoever went to a page wants to see that and not the menu.
  const [menuOpenAt, setMenuOpenAt] = useState<string | null>(null);
  const isMenuOpen = menuOpenAt === pathname;
  // The page that the outlet shows, which the address is ahead of for a moment.
  const shown = useMatches().at(-1)?.routeId;
  const page = PAGES.find(({ path }) => path === pathname);
  const main = useRef<HTMLElement>(null);
  const title = page === undefined ? words.app.name : `${words.app.pages[page.name]} – ${words.app.name}`;

  useEffect(() => {
    document.title = title;
  }, [title]);

  return (
    <div className="shell">
      <a className="skip" href="#main" onClick={(event) => (event.preventDefault(), main.current?.focus())}>
        {words.app.skip}
      </a>
      <div className="side">
        <Link to="/" className="brand">
          <img src={mark} alt="" width="28" height="28" />
          <span>{words.app.name}</span>
        </Link>
        <Button
          kind="quiet"
          className="menu-button"
          aria-expanded={isMenuOpen}
          aria-controls="menu"
          onClick={() => setMenuOpenAt(isMenuOpen ? null : pathname)}
        >
          {words.app.menu}
        </Button>
        <div id="menu" className={isMenuOpen ? "side-content open" : "side-content"}>
          <Menu />
          <Choices />
        </div>
      </div>
      <div className="body">
        <div className="top">
          {page?.hasRange ? <RangePicker /> : <span />}
          <Button kind="quiet" onClick={() => void queries.invalidateQueries()}>
            {words.app.refresh}
          </Button>
        </div>
        <main id="main" ref={main} tabIndex={-1}>
          <Unbroken key={shown}>
            <Suspense fallback={<Loading />}>
              <Outlet />
            </Suspense>
          </Unbroken>
        </main>
      </div>
    </div>
  );
}

function Menu() {
  const words = useWords();
  const [search] = useUrl();
  const sections = [...new Set(PAGES.map(({ section }) => section))];
  return (
    <nav className="menu" aria-label={words.app.menu}>
      {sections.map((section) => (
        <div key={section} className="menu-section">
          <h2>{words.app.sections[section]}</h2>
          <ul>
            {PAGES.filter((page) => page.section === section).map(({ path, name }) => (
              <li key={path}>
                <Link
                  to={path}
                  search={shared(search) as never}
                  activeOptions={{ exact: true, includeSearch: false }}
                >
                  {words.app.pages[name]}
                </Link>
              </li>
            ))}
          </ul>
        </div>
      ))}
    </nav>
  );
}

/** What a person prefers, and the way out. */
function Choices() {
  const { theme, language, words, prefer } = usePreferences();
  const { role, hasLogin } = useWho();
  const logout = useChange(() => post("/admin/session/logout"), ["/"]);
  return (
    <div className="choices">
      <select
        aria-label={words.app.theme.label}
        value={theme}
        onChange={(event) => prefer({ theme: event.target.value as Theme })}
      >
        {THEMES.map((one) => (
          <option key={one} value={one}>
            {words.app.theme[one]}
          </option>
        ))}
      </select>
      <select
        aria-label={words.app.language.label}
        value={language}
        onChange={(event) => prefer({ language: event.target.value as Language })}
      >
        {LANGUAGES.map((one) => (
          <option key={one} value={one} lang={one}>
            {words.app.language[one]}
          </option>
        ))}
      </select>
      {hasLogin && (
        <Button className="small" isBusy={logout.isPending} onClick={() => logout.mutate(undefined)}>
          {words.app.session.logOut} ({words.app.session[role]})
        </Button>
      )}
    </div>
  );
}

/**
 * Shows what broke instead of a white page; another page works all the same.  A page whose files could not be
 * had (the program was away, or is newer by now) is had by loading everything again.
 */
class Unbroken extends Component<{ children: ReactNode }, { error: unknown }> {
  override state: { error: unknown } = { error: null };
  static getDerivedStateFromError(error: unknown) {
    return { error };
  }
  override render() {
    return this.state.error === null ? (
      this.props.children
    ) : (
      <Failure error={this.state.error} again={() => location.reload()} />
    );
  }
}
