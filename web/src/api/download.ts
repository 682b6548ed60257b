/** Sends the browser for a file, after asking whether there can be one. */

import { addressOf, type Parts, probe, type PathsOf } from "./client";

/** Rejects with an `ApiError` in the API's own words if there is no such file; the page stays where it is. */
export async function download<P extends PathsOf<"get">>(path: P, parts: Parts<P, "get">): Promise<void> {
  const url = addressOf(path, parts);
  const isThere = await fetch(url, { method: "HEAD", credentials: "same-origin" }).then(
    ({ ok }) => ok,
    () => false,
  );
  // An answer to HEAD has no body that would say why.
  if (!isThere) await probe(path, parts);
  const link = document.createElement("a");
  link.href = url.href;
  link.download = "";
  document.body.append(link);
  link.click();
  link.remove();
}
