// Which page is at which address. Each is loaded when it is first looked at.
import { createRootRoute, createRoute, createRouter, lazyRouteComponent } from "@tanstack/react-router";
import type { DeliveryFilter } from "./api/queries";
import { base } from "./base";
import { Trouble } from "./parts/basics";
import { portal } from "./session";
import { NothingHere, Waiting } from "./shell/Placeholders";
import { Shell } from "./shell/Shell";

const root = createRootRoute({ component: Shell, notFoundComponent: NothingHere });
const at = <P extends string>(path: P, load: () => ReturnType<typeof lazyRouteComponent>) =>
  createRoute({ getParentRoute: () => root, path, component: load() });

const text = (v: unknown) => (typeof v === "string" && v !== "" ? v : undefined);

const deliveries = createRoute({
  getParentRoute: () => root,
  path: "/t/$tenant/deliveries",
  component: lazyRouteComponent(() => import("./pages/Deliveries"), "DeliveriesPage"),
  validateSearch: (s: Record<string, unknown>): DeliveryFilter => ({
    endpoint: text(s.endpoint),
    event: text(s.event),
    type: text(s.type),
    contract: text(s.contract),
    state: text(s.state),
    period: text(s.period),
    since: text(s.since),
    until: text(s.until),
    by: s.by === "ended" ? s.by : undefined,
    tests: s.tests === false ? s.tests : undefined,
  }),
});

const records = createRoute({
  getParentRoute: () => root,
  path: "/t/$tenant/records",
  component: lazyRouteComponent(() => import("./pages/Records"), "RecordsPage"),
  validateSearch: (s: Record<string, unknown>): { contract?: string; kind?: string } => ({
    contract: text(s.contract),
    kind: text(s.kind),
  }),
});

const ranges = ["hour", "day", "week"] as const;
const period = (s: Record<string, unknown>): { range?: (typeof ranges)[number] } => ({
  range: ranges.find((x) => x === s.range),
});

const home = createRoute({
  getParentRoute: () => root,
  path: "/",
  component: lazyRouteComponent(() => import("./pages/Overview"), "HomePage"),
  validateSearch: period,
});
const tenantHome = createRoute({
  getParentRoute: () => root,
  path: "/t/$tenant",
  component: lazyRouteComponent(() => import("./pages/Overview"), "TenantOverviewPage"),
  validateSearch: period,
});

const endpointTabs = ["history", "configuration", "transformation", "test"] as const;
const endpoint = createRoute({
  getParentRoute: () => root,
  path: "/t/$tenant/endpoints/$endpoint",
  component: lazyRouteComponent(() => import("./pages/Endpoint"), "EndpointPage"),
  validateSearch: (s: Record<string, unknown>): { tab?: (typeof endpointTabs)[number] } => ({
    tab: endpointTabs.find((x) => x === s.tab),
  }),
});

const contractTabs = ["docs", "playground", "versions"] as const;
const contract = createRoute({
  getParentRoute: () => root,
  path: "/contracts/$contract",
  component: lazyRouteComponent(() => import("./pages/Contract"), "ContractPage"),
  validateSearch: (s: Record<string, unknown>): { tab?: (typeof contractTabs)[number]; version?: number } => ({
    tab: contractTabs.find((x) => x === s.tab),
    version: Number(s.version) > 0 ? Number(s.version) : undefined, // an earlier one, to start from in the editor
  }),
});

const documentation = (path: "/documentation" | "/documentation/$contract") =>
  createRoute({
    getParentRoute: () => root,
    path,
    component: lazyRouteComponent(() => import("./pages/Documentation"), "DocumentationPage"),
    validateSearch: (s: Record<string, unknown>): { endpoint?: string } => ({ endpoint: text(s.endpoint) }),
  });

const tree = root.addChildren([
  home,
  at("/tenants", () => lazyRouteComponent(() => import("./pages/Tenants"), "TenantsPage")),
  tenantHome,
  at("/t/$tenant/endpoints", () => lazyRouteComponent(() => import("./pages/Endpoints"), "EndpointsPage")),
  at("/t/$tenant/endpoints/new", () => lazyRouteComponent(() => import("./pages/EndpointForm"), "NewEndpointPage")),
  endpoint,
  at("/t/$tenant/endpoints/$endpoint/edit", () =>
    lazyRouteComponent(() => import("./pages/EndpointForm"), "EditEndpointPage"),
  ),
  deliveries,
  at("/t/$tenant/events", () => lazyRouteComponent(() => import("./pages/Events"), "EventsPage")),
  at("/t/$tenant/events/$event", () => lazyRouteComponent(() => import("./pages/Event"), "EventPage")),
  records,
  at("/t/$tenant/records/$contract/$kind/$key", () => lazyRouteComponent(() => import("./pages/Record"), "RecordPage")),
  at("/t/$tenant/schedules", () => lazyRouteComponent(() => import("./pages/Schedules"), "SchedulesPage")),
  at("/t/$tenant/credentials", () => lazyRouteComponent(() => import("./pages/Credentials"), "CredentialsPage")),
  at("/t/$tenant/portal-links", () => lazyRouteComponent(() => import("./pages/PortalLinks"), "PortalLinksPage")),
  at("/t/$tenant/people", () => lazyRouteComponent(() => import("./pages/People"), "PeoplePage")),
  at("/t/$tenant/network", () => lazyRouteComponent(() => import("./pages/Network"), "NetworkPage")),
  documentation("/documentation"),
  documentation("/documentation/$contract"),
  at("/contracts", () => lazyRouteComponent(() => import("./pages/Contracts"), "ContractsPage")),
  contract,
  at("/library", () => lazyRouteComponent(() => import("./pages/Library"), "LibraryPage")),
  at("/library/$template", () => lazyRouteComponent(() => import("./pages/Library"), "NewContractPage")),
  at("/new-contract", () => lazyRouteComponent(() => import("./pages/Library"), "OwnContractPage")),
  at("/new-contract/$copy", () => lazyRouteComponent(() => import("./pages/Library"), "OwnContractPage")),
  at("/audit", () => lazyRouteComponent(() => import("./pages/Audit"), "AuditPage")),
  at("/encryption", () => lazyRouteComponent(() => import("./pages/Encryption"), "EncryptionPage")),
  at("/keys", () => lazyRouteComponent(() => import("./pages/Keys"), "KeysPage")),
  at("/t/$tenant/deliveries/$delivery", () => lazyRouteComponent(() => import("./pages/Delivery"), "DeliveryPage")),
]);

export const makeRouter = () =>
  createRouter({
    routeTree: tree,
    basepath: `${base}/${portal ? "portal" : ""}`,
    defaultPreload: "intent",
    defaultPendingComponent: Waiting,
    defaultErrorComponent: ({ error, reset }) => <Trouble error={error} retry={reset} />,
    defaultNotFoundComponent: NothingHere,
    scrollRestoration: true,
  });

declare module "@tanstack/react-router" {
  interface Register {
    router: ReturnType<typeof makeRouter>;
  }
}
