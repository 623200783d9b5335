// Events that contracts make of the records every so often: when, what came of it, and one now.
import { Anchor, Button, Group, Paper, SimpleGrid, Stack, Text, Title } from "@mantine/core";
import { IconClock, IconPlayerPlay } from "@tabler/icons-react";
import { useMutation, useQuery } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import { api, ok, type Schedule } from "../api/client";
import { contractsQuery, ofTenant, queryClient, schedulesQuery } from "../api/queries";
import { milliseconds, number, parseSpan, span } from "../format";
import { type Language, useT } from "../i18n";
import { Empty, Fact, PageHead, Skeletons, Time, Tone, Trouble } from "../parts/basics";
import { useMay } from "../session";

export function SchedulesPage() {
  const t = useT();
  const { tenant } = useParams({ from: "/t/$tenant/schedules" });
  const list = useQuery({ ...schedulesQuery(tenant, t.code as Language), refetchInterval: 10_000 });
  return (
    <>
      <PageHead title={t.schedules.title} text={t.schedules.text} />
      <Trouble error={list.error} retry={() => void list.refetch()} />
      {!list.error &&
        (list.isPending ? (
          <Skeletons />
        ) : list.data.length === 0 ? (
          <Paper>
            <Empty icon={<IconClock size={40} stroke={1.5} />} title={t.schedules.empty} text={t.schedules.emptyText} />
          </Paper>
        ) : (
          <Stack>
            {list.data.map((s) => (
              <One key={`${s.contract} ${s.event_type}`} tenant={tenant} schedule={s} />
            ))}
          </Stack>
        ))}
    </>
  );
}

const tones = { sent: "teal", skipped: "gray", failed: "red" };

function One({ tenant, schedule: s }: { tenant: string; schedule: Schedule }) {
  const t = useT();
  const mayChange = useMay("run_schedules");
  const contracts = useQuery(contractsQuery(t.code as Language));
  const run = useMutation({
    mutationFn: () =>
      ok(
        api.POST("/v1/tenants/{tenant}/schedules/{contract}/{type}/run", {
          params: { path: { tenant, contract: s.contract, type: s.event_type } },
        }),
      ),
    onSuccess: () => queryClient.invalidateQueries({ queryKey: ofTenant(tenant) }),
  });
  const last = s.last_run;
  const every = s.every ? parseSpan(s.every) : undefined;
  return (
    <Paper p="lg" component="section" aria-label={s.title || s.event_type}>
      <Group justify="space-between" align="flex-start" mb="md">
        <div style={{ minWidth: 0 }}>
          <Title order={2}>{s.title || s.event_type}</Title>
          <Text size="sm" c="dimmed">
            {contracts.data?.find((c) => c.name === s.contract)?.title ?? s.contract} ·{" "}
            <span className="mono">{s.event_type}</span>
          </Text>
        </div>
        {mayChange && (
          <Button
            variant="default"
            size="xs"
            leftSection={<IconPlayerPlay size={14} />}
            loading={run.isPending}
            onClick={() => run.mutate()}
          >
            {t.schedules.run}
          </Button>
        )}
      </Group>
      <SimpleGrid component="dl" cols={{ base: 1, xs: 2, md: 4 }} m={0}>
        <Fact label={t.schedules.when}>
          {every ? (
            t.schedules.every(span(every, t.locale))
          ) : (
            <span className="mono">
              {s.cron} {s.timezone}
            </span>
          )}
        </Fact>
        <Fact label={t.schedules.next}>
          {s.state === "running" ? t.schedules.running : s.next_run ? <Time at={s.next_run} /> : t.schedules.resting}
        </Fact>
        <Fact label={t.schedules.last}>
          {last ? (
            <>
              <Time at={last.at} />{" "}
              {last.manual && (
                <Text span c="dimmed" inherit>
                  ({t.schedules.byHand})
                </Text>
              )}
            </>
          ) : (
            t.common.never
          )}
        </Fact>
        {last && (
          <Fact label={t.schedules.result}>
            <Tone color={tones[last.state]}>{t.schedules.states[last.state]}</Tone>
          </Fact>
        )}
      </SimpleGrid>
      {s.state === "resting" && (
        <Text size="sm" c="dimmed" mt="sm">
          {t.schedules.restingText}
        </Text>
      )}
      <div aria-live="polite">
        <Trouble error={run.error} />
        {last && (
          <Stack gap={4} mt="md">
            {last.code && <Text size="sm">{t.schedules.codes[last.code] ?? last.detail}</Text>}
            {last.state === "failed" && last.detail && t.schedules.codes[last.code ?? ""] && (
              <Text size="xs" c="dimmed">
                {t.delivery.technical}: <span lang="en">{last.detail}</span>
              </Text>
            )}
            {last.failing_since && (
              <Text size="sm">
                {t.schedules.failingSince}: <Time at={last.failing_since} />
              </Text>
            )}
            <Text size="sm" c="dimmed" className="number">
              {t.schedules.records}: {number(last.records, t.locale)} · {t.schedules.examined}:{" "}
              {number(last.examined, t.locale)} · {t.schedules.took}:{" "}
              {t.test.took(milliseconds(last.took_ms, t.locale))}
            </Text>
            {last.event && (
              <Anchor
                component={Link}
                {...({ to: "/t/$tenant/events/$event", params: { tenant, event: last.event } } as object)}
                size="sm"
              >
                {t.schedules.seeEvent} · {t.records.takes(last.deliveries)}
              </Anchor>
            )}
            {last.left_out > 0 && (
              <div>
                <Text size="sm">{t.schedules.leftOut(number(last.left_out, t.locale))}</Text>
                {last.examples.map((x) => (
                  <Text key={x.key} size="xs" c="dimmed">
                    <span className="mono">{x.key}</span> {t.delivery.technical}: <span lang="en">{x.detail}</span>
                  </Text>
                ))}
              </div>
            )}
          </Stack>
        )}
      </div>
    </Paper>
  );
}
