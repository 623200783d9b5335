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
  VisuallyHidden,
} from "@mantine/core";
import { IconAlertTriangle, IconCircleCheck } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { Link, Navigate, useParams } from "@tanstack/react-router";
import { lazy, type ReactNode, Suspense, useMemo, useState } from "react";
import type { Schemas } from "../api/client";
import { endpointsQuery, statsQuery } from "../api/queries";
import { exactTime, milliseconds, number, parseSpan, percent } from "../format";
import { useT } from "../i18n";
import { PageHead, Time, Tone, Trouble } from "../parts/basics";
import { Columns, when } from "../parts/Listing";
import { LiveMark } from "../parts/Live";
import { useMayChange, useVisitor } from "../session";

const Chart = lazy(() => import("../parts/Chart"));

export type Range = "hour" | "day" | "week";

/** Where one lands: a tenant at its own overview, the operator at that of all. */
export function HomePage() {
  const visitor = useVisitor();
  if (visitor.tenant) return <Navigate to="/t/$tenant" params={{ tenant: visitor.tenant }} replace />;
  return <Overview />;
}

export function TenantOverviewPage() {
  const { tenant } = useParams({ from: "/t/$tenant" });
  return <Overview key={tenant} tenant={tenant} />;
}

function Overview({ tenant }: { tenant?: string }) {
  const t = useT();
  const [range, setRange] = useState<Range>("hour");
  const stats = useQuery({ ...statsQuery(tenant, range), refetchInterval: range === "hour" ? 5_000 : 30_000 });
  const s = stats.data;
  const words = useMemo(
    () => ({
      delivered: t.overview.delivered,
      failed: t.overview.failed,
      retrying: t.overview.retrying,
      locale: t.locale,
    }),
    [t],
  );
  const ended = s ? s.totals.delivered + s.totals.failed + s.totals.unknown : 0;
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
          onChange={(v) => setRange(v as Range)}
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
          label={t.overview.delivered}
          value={s && number(s.totals.delivered, t.locale)}
          note={s && ended > 0 ? `${t.overview.success}: ${percent(s.totals.delivered / ended, t.locale)}` : undefined}
        />
        <Figure
          label={t.overview.failed}
          value={s && number(s.totals.failed + s.totals.unknown, t.locale)}
          note={s ? `${t.overview.retrying}: ${number(s.totals.retrying, t.locale)}` : undefined}
        />
        <Figure label={t.overview.waiting} value={s && waiting} />
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
            <Legend color="#38a686">{t.overview.delivered}</Legend>
            <Legend color="#f0c24b">{t.overview.retrying}</Legend>
            <Legend color="#e05252">{t.overview.failed}</Legend>
          </Group>
        </Group>
        {s ? (
          <>
            <VisuallyHidden>
              {t.overview.chartText(number(s.totals.delivered, t.locale), number(s.totals.failed, t.locale))}
            </VisuallyHidden>
            <Suspense fallback={<Skeleton height={240} />}>
              <Chart points={s.points} words={words} step={parseSpan(s.step) ?? 60} />
            </Suspense>
            <details>
              <summary style={{ cursor: "pointer", fontSize: "0.8125rem", color: "var(--mantine-color-dimmed)" }}>
                {t.overview.table}
              </summary>
              <Numbers points={s.points} />
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
            <Group p="lg" gap="xs">
              <IconCircleCheck size={20} color="var(--mantine-color-teal-6)" aria-hidden />
              <Text size="sm">{t.overview.allWell}</Text>
            </Group>
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
  const mayChange = useMayChange();
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

function Legend({ color, children }: { color: string; children: ReactNode }) {
  return (
    <Group gap={6}>
      <span className="dot" style={{ background: color }} aria-hidden />
      <Text size="xs" c="dimmed">
        {children}
      </Text>
    </Group>
  );
}

/** The chart for those who cannot see it. */
function Numbers({ points }: { points: Schemas["StatsPoint"][] }) {
  const t = useT();
  const some = points.filter((p) => p.attempts + p.delivered + p.failed > 0);
  if (some.length === 0)
    return (
      <Text size="sm" c="dimmed" mt="xs">
        {t.overview.empty}
      </Text>
    );
  return (
    <Table mt="xs" fz="sm">
      <Table.Thead>
        <Table.Tr>
          <Table.Th>{t.common.time}</Table.Th>
          <Table.Th>{t.overview.delivered}</Table.Th>
          <Table.Th>{t.overview.retrying}</Table.Th>
          <Table.Th>{t.overview.failed}</Table.Th>
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody>
        {some.map((p) => (
          <Table.Tr key={p.at}>
            <Table.Td>{exactTime(p.at, t.locale)}</Table.Td>
            <Table.Td className="number">{number(p.delivered, t.locale)}</Table.Td>
            <Table.Td className="number">{number(p.retrying, t.locale)}</Table.Td>
            <Table.Td className="number">{number(p.failed + p.unknown, t.locale)}</Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  );
}
