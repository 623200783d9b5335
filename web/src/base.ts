// Where the pages are. A server behind a proxy may be below a path, such as /gancho.

/** What the paths of the pages and of the API begin with; "" for nothing. */
export const base = document.documentElement.dataset.base ?? "";

/** The path in the address of this page, without base. */
export function ownPath(): string {
  const path = location.pathname;
  return path === base || path.startsWith(`${base}/`) ? path.slice(base.length) || "/" : path;
}

// The server also answers at its own address, where pages have no such path; from there on they have it.
if (ownPath() === location.pathname && base !== "") {
  history.replaceState(null, "", base + location.pathname + location.search + location.hash);
}
