/** The filters of a view, which are in its URL, and ways to change them. */

import { useCallback, useMemo } from "react";
import { type Dimension, DIMENSIONS, type Filters, filtersOf, valueOf } from "@/pure/filters";
import { useUrl } from "./view";

interface Filtering {
  readonly filters: Filters;
  /** Sets a filter; the same again takes it away. */
  readonly toggle: (dimension: Dimension, key: string | null) => void;
  readonly set: (dimension: Dimension, value: string | undefined) => void;
  readonly clear: () => void;
}

export function useFilters(): Filtering {
  const [search, change] = useUrl();
  const said = JSON.stringify(filtersOf(search));
  const filters = useMemo(() => JSON.parse(said) as Filters, [said]);
  const set = useCallback(
    (dimension: Dimension, value: string | undefined) => change({ [dimension]: value }),
    [change],
  );
  const toggle = useCallback(
    (dimension: Dimension, key: string | null) => {
      const value = valueOf(key);
      set(dimension, filters[dimension] === value ? undefined : value);
    },
    [filters, set],
  );
  const clear = useCallback(
    () => change(Object.fromEntries(DIMENSIONS.map((one) => [one, undefined]))),
    [change],
  );
  return { filters, toggle, set, clear };
}
