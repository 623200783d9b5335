// The frame around every page: where one is, and where one can go.
import {
  ActionIcon,
  AppShell,
  Burger,
  Group,
  Menu,
  NavLink,
  ScrollArea,
  Select,
  type SelectProps,
  Text,
} from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import {
  IconActivity,
  IconBook2,
  IconBuilding,
  IconChartBar,
  IconClock,
  IconDatabase,
  IconExternalLink,
  IconFileText,
  IconHistory,
  IconId,
  IconKey,
  IconLock,
  IconLogout,
  IconNetwork,
  IconSend,
  IconTarget,
  IconUserCircle,
  IconUserSearch,
  IconWebhook,
} from "@tabler/icons-react";
import { useInfiniteQuery } from "@tanstack/react-query";
import { Link, Outlet, useNavigate, useParams, useRouter, useRouterState } from "@tanstack/react-router";
import { createContext, type ReactNode, useContext, useEffect, useSyncExternalStore } from "react";
import { tenantsQuery } from "../api/queries";
import { useLive } from "../api/stream";
import mark from "../gancho.svg";
import { useT } from "../i18n";
import type { Messages } from "../i18n/en";
import { arrive } from "../parts/basics";
import { LiveContext } from "../parts/Live";
import { firstPage, type Page, portal, seesRoute, useMayChange, useShows, useVisitor } from "../session";
import { LanguageMenu, ThemeToggle } from "./Controls";
import { NotForYou } from "./Placeholders";
import { SystemBanner } from "./SystemBanner";

const watchers = new Set<() => void>();

/** Forgets the last tenant if it is this one, which is gone. */
export function forgetTenant(tenant: string) {
  if (remember() !== tenant) return;
  sessionStorage.removeItem(remembered);
  for (const f of watchers) f();
}

function watch(f: () => void) {
  watchers.add(f);
  return () => watchers.delete(f);
}

export const SignOutContext = createContext<() => Promise<void>>(async () => {});

const remembered = "gancho.tenant";

function remember(tenant?: string) {
  try {
    if (tenant) sessionStorage.setItem(remembered, tenant);
    return sessionStorage.getItem(remembered) ?? undefined;
  } catch {
    return tenant;
  }
}

/** The tenant that the pages are about: the one in the address, the visitor's own, or the last. */
export function useTenant(): string | undefined {
  const visitor = useVisitor();
  const { tenant } = useParams({ strict: false });
  const last = useSyncExternalStore(watch, () => remember());
  return visitor.tenant || tenant || last;
}

export function Shell() {
  const t = useT();
  const visitor = useVisitor();
  const mayChange = useMayChange();
  const shows = useShows();
  const signOut = useContext(SignOutContext);
  const [open, { toggle, close }] = useDisclosure();
  const tenant = useTenant();
  const { tenant: shown } = useParams({ strict: false });
  useEffect(() => void remember(shown), [shown]);
  const live = useLive(visitor.role === "publish" ? undefined : shown || visitor.tenant || undefined);
  const router = useRouter();
  useEffect(
    () => router.subscribe("onBeforeNavigate", (e) => void (e.fromLocation && e.pathChanged && arrive())),
    [router],
  );
  const path = useRouterState({ select: (s) => s.location.pathname });
  // biome-ignore lint/correctness/useExhaustiveDependencies: the menu closes when another page is shown
  useEffect(close, [path]);
  const route = useRouterState({ select: (s): string => s.matches.at(-1)?.routeId ?? "/" });
  const everywhere = visitor.role === "operator" || (visitor.role === "read" && !visitor.tenant);

  return (
    <AppShell
      header={{ height: 56 }}
      navbar={{ width: 232, breakpoint: "sm", collapsed: { mobile: !open } }}
      padding={{ base: "md", sm: "xl" }}
      styles={{ main: { background: "var(--page)" } }}
    >
      <a className="skip" href="#content">
        {t.common.skip}
      </a>
      <AppShell.Header px="md" aria-label="Gancho">
        <Group h="100%" justify="space-between" wrap="nowrap">
          <Group gap="xs" wrap="nowrap" style={{ minWidth: 0 }}>
            <Burger opened={open} onClick={toggle} hiddenFrom="sm" size="sm" aria-label={t.common.menu} />
            {portal ? (
              <>
                {visitor.logo && <img src={visitor.logo} className="logo" alt="" />}
                <Text fw={650} className="clip">
                  {visitor.tenantName || visitor.tenant}
                </Text>
              </>
            ) : (
              <Link
                to="/"
                className="plain"
                style={{ display: "flex", gap: 8, alignItems: "center", textDecoration: "none" }}
              >
                <img src={mark} width={26} height={26} alt="" />
                <Text fw={650}>Gancho</Text>
              </Link>
            )}
          </Group>
          <Group gap={4} wrap="nowrap">
            <LanguageMenu />
            <ThemeToggle />
            {!portal && (
              <Menu position="bottom-end">
                <Menu.Target>
                  <ActionIcon
                    variant="subtle"
                    color="gray"
                    size="lg"
                    aria-label={t.signIn.as(visitor.name || t.roles[visitor.role] || "")}
                  >
                    <IconUserCircle size={21} />
                  </ActionIcon>
                </Menu.Target>
                <Menu.Dropdown>
                  <Menu.Label>
                    {t.signIn.as(
                      visitor.name === "admin" ? t.signIn.admin : visitor.name || t.roles[visitor.role] || "",
                    )}
                  </Menu.Label>
                  <Menu.Item leftSection={<IconLogout size={16} />} onClick={() => void signOut()}>
                    {t.signIn.signOut}
                  </Menu.Item>
                </Menu.Dropdown>
              </Menu>
            )}
          </Group>
        </Group>
      </AppShell.Header>

      <AppShell.Navbar p="sm" aria-label={t.common.menu}>
        <AppShell.Section grow component={ScrollArea} type="auto">
          {everywhere && <TenantPicker tenant={tenant} />}
          {tenant && (
            <>
              {!portal && (
                <Item to="/t/$tenant" exact tenant={tenant} icon={<IconChartBar size={18} />} label={t.nav.overview} />
              )}
              {pagesOfTenant(t)
                .filter(([page]) => shows(page))
                .map(([page, icon, label]) => (
                  <Item key={page} to={`/t/$tenant/${page}`} tenant={tenant} icon={icon} label={label} />
                ))}
              {!portal && mayChange && (
                <Item
                  to="/t/$tenant/people"
                  tenant={tenant}
                  icon={<IconUserSearch size={18} />}
                  label={t.people.title}
                />
              )}
              {!portal && mayChange && (
                <Item
                  to="/t/$tenant/portal-links"
                  tenant={tenant}
                  icon={<IconExternalLink size={18} />}
                  label={t.portalLinks.list}
                />
              )}
            </>
          )}
          {shows("documentation") && (
            <Item to="/documentation" icon={<IconFileText size={18} />} label={t.docs.title} />
          )}
          {!portal && <Item to="/contracts" icon={<IconBook2 size={18} />} label={t.nav.contracts} />}
          {everywhere && (
            <>
              <Text size="xs" c="dimmed" fw={600} px="sm" pt="md" pb={4}>
                {t.nav.admin}
              </Text>
              <Item to="/" exact icon={<IconActivity size={18} />} label={t.nav.allTenants} />
              <Item to="/tenants" icon={<IconBuilding size={18} />} label={t.nav.tenants} />
              {visitor.role === "operator" && <Item to="/keys" icon={<IconKey size={18} />} label={t.nav.keys} />}
              {visitor.role === "operator" && (
                <Item to="/encryption" icon={<IconLock size={18} />} label={t.encryption.title} />
              )}
              <Item to="/audit" icon={<IconHistory size={18} />} label={t.nav.audit} />
            </>
          )}
        </AppShell.Section>
      </AppShell.Navbar>

      <AppShell.Main id="content" tabIndex={-1} style={{ outline: "none" }}>
        <LiveContext value={live}>
          <div className="page">
            {visitor.role === "operator" && <SystemBanner />}
            {portal && !seesRoute(visitor, route) ? <NotForYou first={firstPage(visitor)} /> : <Outlet />}
          </div>
        </LiveContext>
      </AppShell.Main>
    </AppShell>
  );
}

function Item({
  to,
  tenant,
  exact,
  icon,
  label,
}: {
  to: string;
  tenant?: string;
  exact?: boolean;
  icon: ReactNode;
  label: string;
}) {
  const path = useRouterState({ select: (s) => s.location.pathname });
  const target = tenant ? to.replace("$tenant", encodeURIComponent(tenant)) : to;
  const active = exact ? path === target || path === `${target}/` : path === target || path.startsWith(`${target}/`);
  return (
    <NavLink
      component={Link as unknown as "a"}
      {...{ to: target, activeOptions: { exact: true } }}
      label={label}
      leftSection={icon}
      active={active}
      aria-current={active ? "page" : undefined}
      style={{ borderRadius: 8 }}
      mb={2}
    />
  );
}

/** The pages about a tenant, in the order of the menu. */
const pagesOfTenant = (t: Messages): [Page, ReactNode, string][] => [
  ["endpoints", <IconTarget size={18} key="icon" />, t.nav.endpoints],
  ["deliveries", <IconSend size={18} key="icon" />, t.nav.deliveries],
  ["events", <IconWebhook size={18} key="icon" />, t.nav.events],
  ["records", <IconDatabase size={18} key="icon" />, t.records.title],
  ["schedules", <IconClock size={18} key="icon" />, t.schedules.title],
  ["credentials", <IconId size={18} key="icon" />, t.credentials.title],
  ["network", <IconNetwork size={18} key="icon" />, t.network.title],
];

function TenantPicker({ tenant }: { tenant?: string }) {
  const go = useNavigate();
  return <TenantSelect value={tenant} mb="sm" onChange={(v) => void go({ to: "/t/$tenant", params: { tenant: v } })} />;
}

/** A tenant to choose, of all that there are. */
export function TenantSelect({
  value,
  onChange,
  ...look
}: { value?: string; onChange: (tenant: string) => void } & Pick<SelectProps, "size" | "w" | "mb">) {
  const t = useT();
  const list = useInfiniteQuery(tenantsQuery());
  const items = list.data?.pages.flatMap((p) => p.items) ?? [];
  const data = items.map((x) => ({ value: x.id, label: x.name || x.id }));
  if (value && !items.some((x) => x.id === value)) data.unshift({ value, label: value });
  return (
    <Select
      aria-label={t.nav.tenant}
      placeholder={t.nav.pickTenant}
      data={data}
      value={value ?? null}
      searchable
      allowDeselect={false}
      nothingFoundMessage={t.common.none}
      onChange={(v) => v && onChange(v)}
      maxDropdownHeight={320}
      {...look}
    />
  );
}
