// What the pages ask the server, by name, so that one change renews them all.
import { hashKey, infiniteQueryOptions, QueryClient, queryOptions, skipToken } from "@tanstack/react-query";
import { api, type Found, type Omission, ok, Problem, type RecordAnswer, raw } from "./client";
import type { operations } from "./schema";

export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 2_000,
      retry: (count, error) =>
        (error instanceof Problem ? error.status === 0 || error.status >= 500 : true) && count < 2,
    },
  },
});

/** A filter of deliveries as it stands in the address of a page, where anything can be written. */
export interface DeliveryFilter {
  endpoint?: string; // several are separated by commas, here and in type, contract and state
  event?: string;
  type?: string;
  contract?: string;
  state?: string;
  since?: string;
  until?: string;
  period?: string; // of periods, instead of since and until
  by?: string; // which time since and until are compared with: made or ended
  tests?: false; // without tests of endpoints
}

type DeliveryQuery = NonNullable<operations["list-deliveries"]["parameters"]["query"]>;

/** The values that a field of a filter has. */
export const several = (v?: string) => (v ? v.split(",").filter(Boolean) : []);

/** The filter as the API is asked. */
export const asked = ({ endpoint, type, contract, state, by, period: _, ...rest }: DeliveryFilter): DeliveryQuery => ({
  ...rest,
  by: by as DeliveryQuery["by"],
  endpoint: several(endpoint),
  type: several(type),
  contract: several(contract),
  state: several(state) as DeliveryQuery["state"],
});

const page = 100;

/** Everything of a tenant, to be renewed together. */
export const ofTenant = (tenant: string) => ["tenant", tenant] as const;

export const tenantsQuery = () =>
  infiniteQueryOptions({
    queryKey: ["tenants"],
    queryFn: ({ pageParam }) => ok(api.GET("/v1/tenants", { params: { query: { limit: 200, cursor: pageParam } } })),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next_cursor ?? undefined,
  });

export const tenantQuery = (tenant: string) =>
  queryOptions({
    queryKey: [...ofTenant(tenant), "itself"],
    queryFn: () => ok(api.GET("/v1/tenants/{tenant}", { params: { path: { tenant } } })),
  });

export const endpointsQuery = (tenant: string) =>
  queryOptions({
    queryKey: [...ofTenant(tenant), "endpoints"],
    queryFn: async () => {
      const all = [];
      let cursor: string | undefined;
      do {
        const part = await ok(
          api.GET("/v1/tenants/{tenant}/endpoints", { params: { path: { tenant }, query: { limit: 200, cursor } } }),
        );
        all.push(...part.items);
        cursor = part.next_cursor ?? undefined;
      } while (cursor && all.length < 1000);
      return all;
    },
  });

export const endpointQuery = (tenant: string, endpoint: string) =>
  queryOptions({
    queryKey: [...ofTenant(tenant), "endpoints", endpoint],
    queryFn: () => ok(api.GET("/v1/tenants/{tenant}/endpoints/{endpoint}", { params: { path: { tenant, endpoint } } })),
  });

export const deliveriesQuery = (tenant: string, filter: DeliveryFilter, cursor?: string) =>
  queryOptions({
    queryKey: [...ofTenant(tenant), "deliveries", filter, cursor],
    queryFn: ({ signal }) =>
      ok(
        api.GET("/v1/tenants/{tenant}/deliveries", {
          params: { path: { tenant }, query: { limit: page, cursor, ...asked(filter) } },
          signal,
        }),
      ),
  });

export const deliveryQuery = (tenant: string, delivery: string, lang: "en" | "es" | "pt") =>
  queryOptions({
    queryKey: [...ofTenant(tenant), "delivery", delivery, lang],
    queryFn: () =>
      ok(
        api.GET("/v1/tenants/{tenant}/deliveries/{delivery}", {
          params: { path: { tenant, delivery }, query: { lang, bodies: false } },
        }),
      ),
  });

export const eventsQuery = (tenant: string, filter: { type?: string; contract?: string }) =>
  infiniteQueryOptions({
    queryKey: [...ofTenant(tenant), "events", filter],
    queryFn: ({ pageParam }) =>
      ok(
        api.GET("/v1/tenants/{tenant}/events", {
          params: { path: { tenant }, query: { limit: page, cursor: pageParam, ...filter } },
        }),
      ),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next_cursor ?? undefined,
  });

export interface OmissionFilter {
  type?: string;
  contract?: string;
  endpoint?: string;
}

const omissionDays = 7;
const omissionPages = 2;

/** What errors left out in the last days, by the hour, the latest hour first. more: there is more than was read. */
export const omissionsQuery = (tenant: string, filter: OmissionFilter) =>
  queryOptions({
    queryKey: [...ofTenant(tenant), "omissions", filter],
    queryFn: async () => {
      const items: Omission[] = [];
      const since = new Date(Date.now() - omissionDays * 24 * 60 * 60 * 1000).toISOString();
      let cursor: string | undefined;
      for (let n = 0; n < omissionPages && (n === 0 || cursor); n++) {
        const part = await ok(
          api.GET("/v1/tenants/{tenant}/omissions", {
            params: { path: { tenant }, query: { limit: 200, cursor, since, ...filter } },
          }),
        );
        items.push(...part.items);
        cursor = part.next_cursor ?? undefined;
      }
      return { items, more: cursor !== undefined };
    },
  });

export const contractsQuery = (language: "en" | "es" | "pt") =>
  queryOptions({
    queryKey: ["contracts", language],
    queryFn: async () => (await ok(api.GET("/v1/contracts", { params: { query: { lang: language } } }))).items,
    staleTime: 60_000,
  });

export const contractQuery = (name: string, lang: "en" | "es" | "pt", version?: number) =>
  queryOptions({
    queryKey: ["contracts", lang, name, ...(version ? [version] : [])],
    queryFn: () => ok(api.GET("/v1/contracts/{name}", { params: { path: { name }, query: { lang, version } } })),
    staleTime: 60_000,
  });

/** Contracts of well-known systems, which are not in force. */
export const libraryQuery = (lang: "en" | "es" | "pt") =>
  queryOptions({
    queryKey: ["library", lang],
    queryFn: async () => (await ok(api.GET("/v1/library", { params: { query: { lang } } }))).items,
    staleTime: Number.POSITIVE_INFINITY,
  });

export const libraryContractQuery = (name: string, lang: "en" | "es" | "pt") =>
  queryOptions({
    queryKey: ["library", lang, name],
    queryFn: () => ok(api.GET("/v1/library/{name}", { params: { path: { name }, query: { lang } } })),
    staleTime: Number.POSITIVE_INFINITY,
  });

export const eventQuery = (tenant: string, event: string) =>
  queryOptions({
    queryKey: [...ofTenant(tenant), "event", event],
    queryFn: () =>
      ok(
        api.GET("/v1/tenants/{tenant}/events/{event}", {
          params: { path: { tenant, event }, query: { payload: false } },
        }),
      ),
  });

/** Stored bytes as they are, and as a text: base64 if they are none. */
export interface Exact {
  bytes: Uint8Array<ArrayBuffer>;
  text: string;
  binary: boolean;
}

function base64(bytes: Uint8Array): string {
  let s = "";
  for (let i = 0; i < bytes.length; i += 0x8000) s += String.fromCharCode(...bytes.subarray(i, i + 0x8000));
  return btoa(s);
}

/** What is read with the right to see personal data. It is asked for once, because each time is in the audit. */
const revealed = "?reveal=true";

const exactQuery = (tenant: string, segments: string[], reveal: boolean) =>
  queryOptions({
    queryKey: [...ofTenant(tenant), "exact", ...segments, reveal],
    queryFn: async ({ signal }): Promise<Exact> => {
      const path = `/v1/tenants/${[tenant, ...segments].map(encodeURIComponent).join("/")}`;
      const bytes = new Uint8Array(await (await raw(path + (reveal ? revealed : ""), { signal })).arrayBuffer());
      try {
        const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
        return { bytes, text, binary: false };
      } catch {
        return { bytes, text: base64(bytes), binary: true };
      }
    },
    staleTime: Number.POSITIVE_INFINITY, // they never change
    gcTime: 60_000, // they may be large
  });

/** The payload of an event, to the byte: reading it as a part of JSON would change numbers. */
export const payloadQuery = (tenant: string, event: string, reveal = false) =>
  exactQuery(tenant, ["events", event, "payload"], reveal);

/** The body that one attempt of a delivery sent. */
export const attemptBodyQuery = (tenant: string, delivery: string, attempt: string, reveal = false) =>
  exactQuery(tenant, ["deliveries", delivery, "attempts", attempt, "body"], reveal);

/** The document of a record with its personal data. */
export const revealedRecordQuery = (tenant: string, r: RecordName) =>
  exactQuery(tenant, ["records", r.contract, r.kind, r.key], true);

/** The attempts of a delivery with the personal data in them. */
export const revealedDeliveryQuery = (tenant: string, delivery: string) =>
  queryOptions({
    queryKey: [...ofTenant(tenant), "exact", "deliveries", delivery, true],
    queryFn: () =>
      ok(
        api.GET("/v1/tenants/{tenant}/deliveries/{delivery}", {
          params: { path: { tenant, delivery }, query: { bodies: false, reveal: true } },
        }),
      ),
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 60_000,
  });

/** A search for a person's data: what was asked, what was found so far, and where to go on. */
export interface PeopleSearch {
  path: string;
  value: string;
  items: Found[];
  rows: number; // that were looked at
  next: string | null;
}

/** The last search in a tenant. It is in memory only, so that no address and no history holds anybody's data. */
export const searchQuery = (tenant: string) =>
  queryOptions<PeopleSearch>({ queryKey: [...ofTenant(tenant), "exact", "search"], queryFn: skipToken });

/** Forgets what was read of a tenant and thought to stay as it is, except for the search. */
export function forgetExact(tenant: string) {
  const { queryKey } = searchQuery(tenant);
  queryClient.removeQueries({
    queryKey: [...ofTenant(tenant), "exact"],
    predicate: (q) => q.queryHash !== hashKey(queryKey),
  });
  void queryClient.invalidateQueries({ queryKey: ofTenant(tenant) });
}

/** What tells a record from all others of a tenant. */
export interface RecordName {
  contract: string;
  kind: string;
  key: string;
}

const recordPath = (tenant: string, r: RecordName) =>
  `/v1/tenants/${[tenant, "records", r.contract, r.kind, r.key].map(encodeURIComponent).join("/")}`;

export const recordsQuery = (tenant: string, filter: { contract?: string; kind?: string }) =>
  infiniteQueryOptions({
    queryKey: [...ofTenant(tenant), "records", filter],
    queryFn: ({ pageParam }) =>
      ok(
        api.GET("/v1/tenants/{tenant}/records", {
          params: { path: { tenant }, query: { limit: page, cursor: pageParam, ...filter } },
        }),
      ),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next_cursor ?? undefined,
  });

/** A record's document, to the byte, and the version that it is; null if there is no such record. */
export const recordQuery = (tenant: string, name: RecordName) =>
  queryOptions({
    queryKey: [...ofTenant(tenant), "record", name],
    queryFn: async () => {
      try {
        const answer = await raw(recordPath(tenant, name));
        return {
          document: await answer.text(),
          etag: answer.headers.get("ETag") ?? "",
          updated: new Date(answer.headers.get("Last-Modified") ?? "").toISOString(),
        };
      } catch (e) {
        if (e instanceof Problem && e.code === "record_not_found") return null;
        throw e;
      }
    },
  });

/**
 * Changes a record if it still is the version that was seen; no etag: if there
 * is none. The text goes as it was typed.
 */
export async function changeRecord(
  tenant: string,
  name: RecordName,
  method: "PUT" | "PATCH" | "DELETE",
  etag: string | undefined,
  body?: string,
): Promise<RecordAnswer> {
  const headers: Record<string, string> = etag ? { "If-Match": etag } : { "If-None-Match": "*" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  return (await raw(recordPath(tenant, name), { method, headers, body })).json();
}

/** The contracts that have records, with their kinds. */
export const recordContractsQuery = (lang: "en" | "es" | "pt") =>
  queryOptions({
    queryKey: ["contracts", lang, "with records"],
    queryFn: async () => (await contractDetails(lang)).filter((c) => c.records.length > 0),
    staleTime: 60_000,
  });

export const schedulesQuery = (tenant: string, lang: "en" | "es" | "pt") =>
  queryOptions({
    queryKey: [...ofTenant(tenant), "schedules", lang],
    queryFn: async () =>
      (await ok(api.GET("/v1/tenants/{tenant}/schedules", { params: { path: { tenant }, query: { lang } } }))).items,
  });

export const docPageQuery = (contract: string, lang: "en" | "es" | "pt") =>
  queryOptions({
    queryKey: ["contracts", "page", contract, lang],
    queryFn: () => ok(api.GET("/v1/contracts/{name}/page", { params: { path: { name: contract }, query: { lang } } })),
    staleTime: 60_000,
  });

export const credentialsQuery = (tenant: string) =>
  infiniteQueryOptions({
    queryKey: [...ofTenant(tenant), "credentials"],
    queryFn: ({ pageParam }) =>
      ok(
        api.GET("/v1/tenants/{tenant}/credentials", {
          params: { path: { tenant }, query: { limit: page, cursor: pageParam } },
        }),
      ),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next_cursor ?? undefined,
  });

async function contractDetails(lang: "en" | "es" | "pt") {
  const all = await queryClient.ensureQueryData(contractsQuery(lang));
  return Promise.all(all.map((c) => queryClient.ensureQueryData(contractQuery(c.name, lang))));
}

/** The contracts that have credentials, with all that they say. */
export const credentialContractsQuery = (lang: "en" | "es" | "pt") =>
  queryOptions({
    queryKey: ["contracts", lang, "with credentials"],
    queryFn: async () => (await contractDetails(lang)).filter((c) => c.credentials !== null),
    staleTime: 60_000,
  });

export const statsQuery = (tenant: string | undefined, range: "hour" | "day" | "week") =>
  queryOptions({
    queryKey: [...ofTenant(tenant ?? ""), "stats", range],
    queryFn: () => ok(api.GET("/v1/stats", { params: { query: { tenant, range } } })),
  });

/** Which tenants the statistics of a span of time are of; times in ms since 1970. */
export const tenantStatsQuery = (since: number, until: number) =>
  queryOptions({
    queryKey: ["tenant-stats", since, until],
    queryFn: () =>
      ok(
        api.GET("/v1/stats/tenants", {
          params: { query: { since: new Date(since).toISOString(), until: new Date(until).toISOString() } },
        }),
      ),
  });

export const auditQuery = () =>
  infiniteQueryOptions({
    queryKey: ["audit"],
    queryFn: ({ pageParam }) => ok(api.GET("/v1/audit", { params: { query: { limit: page, cursor: pageParam } } })),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next_cursor ?? undefined,
  });

export const portalLinksQuery = (tenant: string) =>
  infiniteQueryOptions({
    queryKey: [...ofTenant(tenant), "portal-links"],
    queryFn: ({ pageParam }) =>
      ok(
        api.GET("/v1/tenants/{tenant}/portal-links", {
          params: { path: { tenant }, query: { limit: page, cursor: pageParam } },
        }),
      ),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next_cursor ?? undefined,
  });

export const keysQuery = () =>
  infiniteQueryOptions({
    queryKey: ["keys"],
    queryFn: ({ pageParam }) => ok(api.GET("/v1/keys", { params: { query: { limit: page, cursor: pageParam } } })),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next_cursor ?? undefined,
  });

/** What a tenant has used in this month, and its limits. */
export const usageQuery = (tenant: string) =>
  queryOptions({
    queryKey: [...ofTenant(tenant), "usage"],
    queryFn: () => ok(api.GET("/v1/tenants/{tenant}/usage", { params: { path: { tenant } } })),
  });

/** Whether the server is well. It is for keys that are good for all tenants. */
export const systemQuery = () =>
  queryOptions({
    queryKey: ["system"],
    queryFn: () => ok(api.GET("/v1/system")),
    refetchInterval: (q) => (q.state.data?.ready === false ? 5_000 : 15_000),
    retry: false,
  });

/** The keys that encrypt what is stored, and how far a rotation is. */
export const encryptionKeysQuery = () =>
  queryOptions({
    queryKey: ["encryption-keys"],
    queryFn: () => ok(api.GET("/v1/encryption-keys")),
    refetchInterval: (q) => (q.state.data?.rotating ? 1_000 : 15_000),
  });
