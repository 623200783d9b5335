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
    await ok(api.GET("/v1/session"));
    return { ...answer, tenantName: answer.tenant_name };
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

/** Whether the visitor may change things. */
export const useMayChange = () => ["operator", "tenant"].includes(useVisitor().role);
