// The API, typed by its own OpenAPI document (schema.ts is made from it).
import createClient from "openapi-fetch";
import { base } from "../base";
import type { components, paths } from "./schema";

export type Schemas = components["schemas"];
export type Endpoint = Schemas["Endpoint"];
export type EndpointInput = Schemas["EndpointInput"];
export type Delivery = Schemas["Delivery"];
export type DeliveryDetail = Schemas["DeliveryDetail"];
export type Attempt = Schemas["Attempt"];
export type Contract = Schemas["Contract"];
export type Session = Schemas["Session"];
export type Tenant = Schemas["Tenant"];
export type Event = Schemas["Event"];
export type Key = Schemas["Key"];
export type TestResult = Schemas["TestResult"];
export type Recovery = Schemas["Recovery"];
export type PortalLink = Schemas["PortalLink"];
export type RecordAnswer = Schemas["RecordAnswer"];
export type Schedule = Schemas["Schedule"];
export type Found = Schemas["Found"];
export type Omission = Schemas["Omission"];

/** A refusal of the server (RFC 9457), or that it could not be reached. */
export class Problem extends Error {
  status: number;
  code: string;
  errors: Schemas["ProblemError"][];

  constructor(status: number, code: string, detail: string, errors: Schemas["ProblemError"][] = []) {
    super(detail);
    this.status = status;
    this.code = code;
    this.errors = errors;
  }
}

let bearer: string | undefined;

/** The portal's token; the console has a cookie and needs none. */
export function setBearer(token: string | undefined) {
  bearer = token;
}

export const authorization = (): Record<string, string> => (bearer ? { Authorization: `Bearer ${bearer}` } : {});

const listeners = new Set<() => void>();

/** Calls back when the server says that the session is over. */
export function onSessionEnd(f: () => void): () => void {
  listeners.add(f);
  return () => listeners.delete(f);
}

export const api = createClient<paths>({ baseUrl: base });

api.use({
  onRequest({ request }) {
    request.headers.set("Accept-Language", document.documentElement.lang); // of the page, not of the browser
    for (const [name, value] of Object.entries(authorization())) request.headers.set(name, value);
  },
  async onResponse({ response }) {
    if (!response.ok) throw await readProblem(response);
  },
  onError({ error }) {
    if (error instanceof Problem || (error instanceof DOMException && error.name === "AbortError")) return undefined;
    return new Problem(0, "network", "");
  },
});

export async function readProblem(response: Response): Promise<Problem> {
  let p: Partial<Schemas["Problem"]> = {};
  try {
    p = await response.json();
  } catch {
    // not ours; perhaps a proxy's
  }
  if (response.status === 401 && (p.code === "session_ended" || p.code === "key_missing")) {
    for (const f of listeners) f();
  }
  return new Problem(
    response.status,
    p.code ?? "unknown",
    p.detail ?? `${response.status} ${response.statusText}`,
    p.errors ?? [],
  );
}

/** The answer of a call that did not throw. */
export async function ok<T>(call: Promise<{ data?: T }>): Promise<T> {
  return (await call).data as T;
}

/** A call whose answer is taken as the text it is: reading it as JSON would change numbers. */
export async function raw(
  path: string,
  init: { method?: string; headers?: Record<string, string>; body?: string | Blob; signal?: AbortSignal } = {},
): Promise<Response> {
  let answer: Response;
  try {
    answer = await fetch(base + path, { ...init, headers: { ...authorization(), ...init.headers } });
  } catch (e) {
    if (init.signal?.aborted) throw e;
    throw new Problem(0, "network", "");
  }
  if (!answer.ok) throw await readProblem(answer);
  return answer;
}
