// Who looks at the pages. The console has a cookie that scripts cannot read; the
// portal has a token, kept in memory, and where it is a window of its own also in
// that window's storage, so that loading it anew does not end it.
import { createContext, useContext } from "react";
import { api, ok, Problem, type Session, setBearer } from "./api/client";
import { base, ownPath } from "./base";

export const portal = /^\/portal(\/|$)/.test(ownPath());

export interface Visitor extends Session {
  tenantName?: string;
  lang?: string;
  accent?: string;
  logo?: string;
}

const stored = `gancho.portal${base}`;
const framed = window.parent !== window;

/** Finds out who it is; undefined if nobody is signed in. */
export async function enter(): Promise<Visitor | undefined> {
  try {
    if (!portal) return await ok(api.GET("/v1/session"));
    const token = location.hash.slice(1);
    if (token) {
      history.replaceState(null, "", location.pathname + location.search);
      const answer = await ok(api.POST("/v1/portal-sessions", { body: { token } }));
      setBearer(answer.token);
      if (!framed) sessionStorage.setItem(stored, JSON.stringify(answer));
      return { ...answer, tenantName: answer.tenant_name };
    }
    const kept = framed ? null : sessionStorage.getItem(stored);
    if (!kept) return undefined;
    const answer = JSON.parse(kept);
    setBearer(answer.token);
    return { ...answer, ...(await ok(api.GET("/v1/session"))), tenantName: answer.tenant_name };
  } catch (e) {
    if (e instanceof Problem && e.status === 401) return undefined;
    throw e;
  }
}

/** Ends the session on the server, so that a copy of the cookie or token is worth nothing. */
export async function leave() {
  if (!portal) {
    await api.DELETE("/v1/session");
    return;
  }
  await api.DELETE("/v1/session").catch(() => undefined); // this window forgets the token in any case
  setBearer(undefined);
  if (!framed) sessionStorage.removeItem(stored);
}

export const VisitorContext = createContext<Visitor | null>(null);

export function useVisitor(): Visitor {
  const v = useContext(VisitorContext);
  if (!v) throw new Error("useVisitor outside of VisitorContext");
  return v;
}

/** The pages that the portal can have, in the order of the menu; the server knows the same. */
export const portalPages = [
  "endpoints",
  "test",
  "deliveries",
  "documentation",
  "credentials",
  "events",
  "records",
  "schedules",
  "network",
] as const;
export type Page = (typeof portalPages)[number];

/** What people can be let do in the portal. */
export const portalActions = [
  "edit_endpoints",
  "edit_credentials",
  "retry",
  "publish",
  "edit_records",
  "run_schedules",
  "reveal",
] as const;
export type Action = (typeof portalActions)[number];

/** Whether the visitor may change things, if nothing else decides. */
export const useMayChange = () => ["operator", "tenant"].includes(useVisitor().role);

/** Whether the visitor may do something: by their role and, in the portal, by what they were given. */
export function useMay(action: Action): boolean {
  const { access } = useVisitor();
  const mayChange = useMayChange();
  return portal ? Boolean(access?.actions?.includes(action)) : mayChange;
}

/** Which pages the visitor sees. The test is one, also for those who are in the console. */
export function useShows(): (page: Page) => boolean {
  const { access } = useVisitor();
  const mayChange = useMayChange();
  return (page) => (portal ? Boolean(access?.pages?.includes(page)) : page !== "test" || mayChange);
}

/** The address of the first page that a visitor of the portal sees; undefined if they see none. */
export function firstPage(v: Visitor): string | undefined {
  const page = portalPages.find((p) => p !== "test" && v.access?.pages?.includes(p));
  if (page === "documentation") return "/documentation";
  return page && `/t/${encodeURIComponent(v.tenant)}/${page}`;
}

/**
 * Whether a visitor of the portal sees the page of a route. Those that no portal has, such as the one of the keys, are
 * not seen either.
 */
export function seesRoute(v: Visitor, route: string): boolean {
  const [, first, , page] = route.split("/");
  if (route === "/" || route === "__root__") return true;
  if (first === "documentation") return Boolean(v.access?.pages?.includes("documentation"));
  if (first !== "t" || !page || !v.access?.pages?.includes(page as Page)) return false;
  return !/\/(new|edit)$/.test(route) || Boolean(v.access.actions?.includes("edit_endpoints"));
}
