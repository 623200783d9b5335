// How deliveries go: in one tenant, or in all.
import {
  Alert,
  Anchor,
  Group,
  Paper,
  SegmentedControl,
  SimpleGrid,
  Skeleton,
  Stack,
  Table,
  Text,
  Title,
} from "@mantine/core";
import { IconAlertTriangle, IconCircleCheck, IconInfoCircle } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { Link, Navigate, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import type { ReactNode } from "react";
import type { Schemas } from "../api/client";
import { endpointsQuery, statsQuery } from "../api/queries";
import { milliseconds, number, parseSpan, percent, timeSpan } from "../format";
import { useT } from "../i18n";
import { PageHead, Time, Tone, Trouble } from "../parts/basics";
import { barsOf, Chart, ends, linkTo } from "../parts/Chart";
import { Columns, when } from "../parts/Listing";
import { LiveMark } from "../parts/Live";
import { firstPage, portal, useMay, useVisitor } from "../session";

type Range = "hour" | "day" | "week";

/** Where one lands: a tenant at its own overview, the operator at that of all. */
export function HomePage() {
  const visitor = useVisitor();
  const first = portal ? firstPage(visitor) : undefined;
  if (first) return <Navigate to={first as "/"} replace />;
  if (visitor.tenant) return <Navigate to="/t/$tenant" params={{ tenant: visitor.tenant }} replace />;
  return <Overview />;
}

export function TenantOverviewPage() {
  const { tenant } = useParams({ from: "/t/$tenant" });
  return <Overview key={tenant} tenant={tenant} />;
}

function Overview({ tenant }: { tenant?: string }) {
  const t = useT();
  const go = useNavigate();
  const { range = "hour" } = useSearch({ strict: false }) as { range?: Range };
  const stats = useQuery({ ...statsQuery(tenant, range), refetchInterval: range === "hour" ? 5_000 : 30_000 });
  const s = stats.data;
  const ended = s ? s.totals.delivered + s.totals.failed + s.totals.unknown : 0;
  const also = s ? (["unknown", "cancelled"] as const).filter((k) => s.totals[k] > 0) : [];
  const waiting = s
    ? s.backlog.at_least
      ? t.overview.waitingMore(number(s.backlog.waiting, t.locale))
      : number(s.backlog.waiting, t.locale)
    : "";
  return (
    <>
      <PageHead title={t.overview.title} text={tenant ? undefined : t.nav.allTenants}>
        <LiveMark />
        <SegmentedControl
          size="xs"
          maw="100%"
          aria-label={t.overview.period}
          value={range}
          onChange={(v) => void go({ to: ".", search: { range: v as Range }, replace: true })}
          data={[
            { value: "hour", label: t.overview.hour },
            { value: "day", label: t.overview.day },
            { value: "week", label: t.overview.week },
          ]}
        />
      </PageHead>
      <Trouble error={stats.error} retry={() => void stats.refetch()} />
      {tenant && <FirstSteps tenant={tenant} />}
      <SimpleGrid cols={{ base: 2, md: 4 }} mb="md">
        <Figure
          label={t.overview.names.delivered}
          value={s && number(s.totals.delivered, t.locale)}
          note={
            s &&
            (ended > 0
              ? t.overview.rate(percent(s.totals.delivered / ended, t.locale), ended, number(ended, t.locale))
              : t.overview.nothing)
          }
        />
        <Figure
          label={t.overview.names.failed}
          value={s && number(s.totals.failed, t.locale)}
          note={s && also.map((k) => t.overview.count[k](s.totals[k], number(s.totals[k], t.locale))).join(" · ")}
        />
        <Figure
          label={t.overview.waiting}
          value={s && waiting}
          note={s && t.overview.tries(s.totals.retrying, number(s.totals.retrying, t.locale))}
        />
        <Figure
          label={t.overview.latency}
          value={s && (s.totals.latency_ms ? t.overview.ms(milliseconds(s.totals.latency_ms.p50, t.locale)) : "–")}
          note={
            s?.totals.latency_ms
              ? `${t.overview.p95}: ${t.overview.ms(milliseconds(s.totals.latency_ms.p95, t.locale))} · ${t.overview.p99}: ${t.overview.ms(milliseconds(s.totals.latency_ms.p99, t.locale))}`
              : undefined
          }
        />
      </SimpleGrid>
      {s && s.totals.left_out > 0 && (
        <Alert color="yellow" variant="light" mb="md" icon={<IconAlertTriangle size={18} />}>
          {t.overview.leftOut(s.totals.left_out, number(s.totals.left_out, t.locale))}{" "}
          {tenant && (
            <Anchor component={Link} {...{ to: `/t/${encodeURIComponent(tenant)}/events` }} size="sm">
              {t.overview.whatLeftOut}
            </Anchor>
          )}
        </Alert>
      )}
      <Paper p="lg" mb="md" component="section" aria-labelledby="over-time">
        <Group justify="space-between" mb="sm">
          <Title order={2} id="over-time">
            {t.overview.chart}
          </Title>
          <Group gap="md">
            {ends
              .filter((k) => k === "delivered" || k === "failed" || s?.totals[k])
              .map((k) => (
                <Legend key={k} of={k}>
                  {t.overview.names[k]}
                </Legend>
              ))}
            <Legend of="retrying">{t.overview.retrying}</Legend>
          </Group>
        </Group>
        {s ? (
          <>
            <Chart key={range} points={s.points} step={parseSpan(s.step) ?? 60} tenant={tenant} />
            <Text size="xs" c="dimmed" mt="xs">
              {t.overview.counted}
            </Text>
            <details>
              <summary style={{ cursor: "pointer", fontSize: "0.8125rem", color: "var(--mantine-color-dimmed)" }}>
                {t.overview.table}
              </summary>
              <Numbers points={s.points} step={parseSpan(s.step) ?? 60} tenant={tenant} />
            </details>
          </>
        ) : (
          <Skeleton height={240} />
        )}
      </Paper>
      <section aria-labelledby="failing">
        <Title order={2} id="failing" mb="sm">
          {t.overview.failing}
        </Title>
        <Paper>
          {!s ? (
            <Skeleton height={64} />
          ) : s.failing.length === 0 ? (
            <Health of={s.endpoints} />
          ) : (
            <Columns
              items={s.failing}
              id={(f) => f.endpoint}
              width={560}
              columns={[
                {
                  label: t.deliveries.endpoint,
                  cell: (f) => (
                    <Anchor
                      component={Link}
                      {...{ to: `/t/${encodeURIComponent(f.tenant)}/endpoints/${f.endpoint}` }}
                      fw={550}
                      size="sm"
                    >
                      {f.name || t.common.unnamed}
                    </Anchor>
                  ),
                },
                ...when<(typeof s.failing)[number]>(!tenant, {
                  label: t.nav.tenant,
                  className: "mono",
                  cell: (f) => f.tenant,
                }),
                {
                  label: t.deliveries.reason,
                  cell: (f) => (
                    <Tone color={f.state === "disabled" ? "gray" : "red"}>
                      {f.state === "disabled" ? t.endpointState.disabled : (t.reason[f.last_status] ?? f.last_status)}
                    </Tone>
                  ),
                },
                { label: t.endpoints.failingSince, cell: (f) => <Time at={f.since} /> },
                {
                  label: t.overview.waiting,
                  className: "number",
                  cell: (f) =>
                    f.backlog.at_least
                      ? t.overview.waitingMore(number(f.backlog.waiting, t.locale))
                      : number(f.backlog.waiting, t.locale),
                },
              ]}
            />
          )}
        </Paper>
      </section>
    </>
  );
}

/** For a tenant that has no endpoint yet: what to do, in order. */
function FirstSteps({ tenant }: { tenant: string }) {
  const t = useT();
  const endpoints = useQuery(endpointsQuery(tenant));
  const mayChange = useMay("edit_endpoints");
  if (!mayChange || endpoints.data?.length !== 0) return null;
  return (
    <Paper p="lg" mb="md">
      <Title order={2} mb={4}>
        {t.overview.welcome}
      </Title>
      <Stack component="ol" gap={2} m={0} pl="lg" fz="sm">
        <li>
          <Anchor component={Link} {...{ to: `/t/${encodeURIComponent(tenant)}/endpoints/new` }} size="sm">
            {t.overview.step1}
          </Anchor>
        </li>
        <li>{t.overview.step2}</li>
        <li>{t.overview.step3}</li>
      </Stack>
    </Paper>
  );
}

function Figure({ label, value, note }: { label: string; value?: string; note?: string }) {
  return (
    <Paper p="md">
      <Text size="sm" c="dimmed">
        {label}
      </Text>
      {value === undefined ? (
        <Skeleton height={30} mt={4} width={90} />
      ) : (
        <Text fz="1.6rem" fw={620} lh={1.3} className="number">
          {value}
        </Text>
      )}
      <Text size="xs" c="dimmed" mih={18}>
        {note}
      </Text>
    </Paper>
  );
}

function Legend({ of, children }: { of: string; children: ReactNode }) {
  return (
    <Group gap={6}>
      <span className={`dot is-${of}`} aria-hidden />
      <Text size="xs" c="dimmed">
        {children}
      </Text>
    </Group>
  );
}

/** How endpoints are of which none fails: only those that were used and still are can be said to work. */
function Health({ of: n }: { of: Schemas["EndpointCounts"] }) {
  const t = useT();
  const working = n.all - n.failing - n.unused - n.paused - n.disabled;
  const shown = (k: number) => number(k, t.locale);
  const all = working === n.all && n.all > 0;
  const parts = [
    working > 0 && t.overview.working(working, shown(working)),
    n.unused > 0 && t.overview.unused(n.unused, shown(n.unused)),
    n.paused > 0 && t.overview.paused(n.paused, shown(n.paused)),
    n.disabled > 0 && t.overview.disabled(n.disabled, shown(n.disabled)),
  ].filter((x) => typeof x === "string");
  return (
    <Group p="lg" gap="xs" wrap="nowrap">
      {all ? (
        <IconCircleCheck size={20} color="var(--mantine-color-teal-6)" aria-hidden />
      ) : (
        <IconInfoCircle size={20} color="var(--mantine-color-dimmed)" aria-hidden />
      )}
      <Text size="sm">
        {n.all === 0
          ? t.overview.noEndpoints
          : all
            ? t.overview.allWell(n.all, n.at_least ? t.overview.waitingMore(shown(n.all)) : shown(n.all))
            : `${t.overview.noneFails} ${parts.join(" · ")}.`}
      </Text>
    </Group>
  );
}

/** The chart for those who cannot see it, or want its numbers. */
function Numbers({ points, step, tenant }: { points: Schemas["StatsPoint"][]; step: number; tenant?: string }) {
  const t = useT();
  const some = barsOf(points, step, points.length).filter((b) => ends.some((k) => b[k] > 0) || b.retrying > 0);
  if (some.length === 0)
    return (
      <Text size="sm" c="dimmed" mt="xs">
        {t.overview.empty}
      </Text>
    );
  return (
    <Table.ScrollContainer minWidth={520} type="native" tabIndex={0}>
      <Table mt="xs" fz="sm">
        <Table.Thead>
          <Table.Tr>
            <Table.Th>{t.common.time}</Table.Th>
            {ends.map((k) => (
              <Table.Th key={k}>{t.overview.names[k]}</Table.Th>
            ))}
            <Table.Th>{t.overview.retrying}</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {some.map((b) => (
            <Table.Tr key={b.at}>
              <Table.Td>
                {tenant ? (
                  <Anchor component={Link} {...(linkTo(tenant, b) as object)} size="sm">
                    {timeSpan(b.at, b.until, t.locale)}
                  </Anchor>
                ) : (
                  timeSpan(b.at, b.until, t.locale)
                )}
              </Table.Td>
              {[...ends, "retrying" as const].map((k) => (
                <Table.Td key={k} className="number">
                  {number(b[k], t.locale)}
                </Table.Td>
              ))}
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}
