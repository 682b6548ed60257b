import type { ReactNode } from "react";

/** The head of a page: its name, what it tells in a sentence, and what can be done. */
export function PageHead({
  title,
  about,
  children,
}: {
  title: string;
  about?: string;
  children?: ReactNode;
}) {
  return (
    <header className="page-head">
      <div>
        <h1>{title}</h1>
        {about && <p className="muted">{about}</p>}
      </div>
      {children && <div className="page-actions">{children}</div>}
    </header>
  );
}

interface CardProps {
  readonly title: string;
  readonly actions?: ReactNode;
  readonly children: ReactNode;
  /** How many of the twelve columns of a wide page it takes; a narrow page has one. */
  readonly span?: 3 | 4 | 6 | 8 | 12;
}

/** A part of a page, with its own name. */
export function Card({ title, actions, children, span = 12 }: CardProps) {
  return (
    <section className={`card span-${span}`} aria-label={title}>
      <header className="card-head">
        <h2>{title}</h2>
        {actions && <div className="card-actions">{actions}</div>}
      </header>
      {children}
    </section>
  );
}

export function Grid({ children }: { children: ReactNode }) {
  return <div className="grid">{children}</div>;
}
