// One delivery: what happened, attempt by attempt, and what happens next.
import { Accordion, Anchor, Button, Group, Paper, SimpleGrid, Stack, Text, Title } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { IconPlayerSkipForward, IconRefresh } from "@tabler/icons-react";
import { useMutation, useQuery } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import { useState } from "react";
import { type Attempt, api, type DeliveryDetail, ok } from "../api/client";
import {
  deliveryQuery,
  endpointsQuery,
  eventQuery,
  ofTenant,
  queryClient,
  revealedDeliveryQuery,
} from "../api/queries";
import { exactTime, milliseconds } from "../format";
import { type Language, useT } from "../i18n";
import { Copy, Fact, PageHead, RuleError, Skeletons, StateBadge, Time, Tone, Trouble } from "../parts/basics";
import { useEventTitles } from "../parts/DeliveryRows";
import { Exchange, Technical } from "../parts/Exchange";
import { NamesOf } from "../parts/Names";
import { Reveal, useMayReveal } from "../parts/Reveal";
import { DiagnosisBox } from "../parts/TestPanel";
import { useMay, useShows } from "../session";

const finished = ["delivered", "failed", "unknown", "cancelled"];

export function DeliveryPage() {
  const t = useT();
  const { tenant, delivery } = useParams({ from: "/t/$tenant/deliveries/$delivery" });
  const d = useQuery(deliveryQuery(tenant, delivery, t.code as Language));
  const endpoints = useQuery(endpointsQuery(tenant));
  return (
    <NamesOf contract={endpoints.data?.find((e) => e.id === d.data?.endpoint)?.contract}>
      <DeliveryShown />
    </NamesOf>
  );
}

function DeliveryShown() {
  const t = useT();
  const { tenant, delivery: id } = useParams({ from: "/t/$tenant/deliveries/$delivery" });
  const mayChange = useMay("retry");
  const shows = useShows();
  const delivery = useQuery({
    ...deliveryQuery(tenant, id, t.code as Language),
    refetchInterval: (q) => (q.state.data && finished.includes(q.state.data.state) ? false : 3_000),
  });
  const endpoints = useQuery(endpointsQuery(tenant));
  const titles = useEventTitles();
  const [revealed, setRevealed] = useState(false);
  const contract = endpoints.data?.find((e) => e.id === delivery.data?.endpoint)?.contract;
  const event = useQuery({
    ...eventQuery(tenant, delivery.data?.event ?? ""),
    enabled: Boolean(shows("events") && delivery.data && endpoints.data && !contract), // the endpoint was deleted
  });
  const mayReveal = useMayReveal(contract ?? event.data?.contract);
  const plain = useQuery({ ...revealedDeliveryQuery(tenant, id), enabled: revealed });
  const retry = useMutation({
    mutationFn: () =>
      ok(api.POST("/v1/tenants/{tenant}/deliveries/{delivery}/retry", { params: { path: { tenant, delivery: id } } })),
    onSuccess: () => {
      notifications.show({ message: t.delivery.retried });
      return queryClient.invalidateQueries({ queryKey: ofTenant(tenant) });
    },
  });
  const skip = useMutation({
    mutationFn: () =>
      ok(api.POST("/v1/tenants/{tenant}/deliveries/{delivery}/skip", { params: { path: { tenant, delivery: id } } })),
    onSuccess: () => {
      notifications.show({ message: t.delivery.skipped });
      return queryClient.invalidateQueries({ queryKey: ofTenant(tenant) });
    },
  });
  const base = `/t/${encodeURIComponent(tenant)}`;
  const back = (
    <Anchor component={Link} {...{ to: `${base}/deliveries` }} size="sm" c="dimmed">
      ← {t.deliveries.title}
    </Anchor>
  );
  if (delivery.error)
    return (
      <>
        {back}
        <PageHead title={t.delivery.title} />
        <Trouble error={delivery.error} retry={() => void delivery.refetch()} />
      </>
    );
  if (!delivery.data) return <Skeletons />;
  const d = delivery.data;
  const endpoint = endpoints.data?.find((e) => e.id === d.endpoint);
  const retriable =
    mayChange &&
    !d.test &&
    d.mode === "at_least_once" &&
    d.state !== "sending" &&
    endpoint !== undefined &&
    endpoint.state !== "disabled";
  // What was read with its personal data is not read again when another attempt comes, because each look is in the audit.
  const seen = new Map(revealed ? plain.data?.attempt_list.map((a) => [a.id, a]) : []);
  const attempts = d.attempt_list.map((a) => seen.get(a.id) ?? a).toReversed();
  return (
    <>
      {back}
      <PageHead
        title={titles(endpoint?.contract, d.type)}
        text={
          <Group gap="xs" mt={4}>
            <StateBadge state={d.state} />
            {d.held && <Tone color="red">{t.delivery.held}</Tone>}
            {d.test && <Tone color="grape">{t.deliveries.test}</Tone>}
            {titles(endpoint?.contract, d.type) !== d.type && <span className="mono">{d.type}</span>}
          </Group>
        }
      >
        {mayChange && d.held && (
          <Button
            variant="default"
            leftSection={<IconPlayerSkipForward size={16} />}
            loading={skip.isPending}
            onClick={() => skip.mutate()}
          >
            {t.delivery.skip}
          </Button>
        )}
        {retriable && (
          <Button
            variant="default"
            leftSection={<IconRefresh size={16} />}
            loading={retry.isPending}
            onClick={() => retry.mutate()}
          >
            {finished.includes(d.state) ? t.delivery.retry : t.delivery.sendNow}
          </Button>
        )}
      </PageHead>
      <Stack gap="lg">
        <Trouble error={retry.error ?? skip.error} />
        {d.diagnosis && (
          <DiagnosisBox diagnosis={d.diagnosis}>
            {d.state === "retrying" && <NextTime at={d.next_attempt_at} />}
          </DiagnosisBox>
        )}
        <Paper p="lg">
          <SimpleGrid component="dl" cols={{ base: 1, xs: 2, md: 3 }} m={0}>
            <Fact label={t.common.created}>{exactTime(d.created_at, t.locale)}</Fact>
            <Fact label={t.delivery.endpoint}>
              {endpoint && !shows("endpoints") ? (
                endpoint.name || endpoint.url
              ) : endpoint ? (
                <Anchor component={Link} {...{ to: `${base}/endpoints/${d.endpoint}` }} size="sm">
                  {endpoint.name || endpoint.url}
                </Anchor>
              ) : endpoints.data ? (
                t.deliveries.gone
              ) : (
                "…"
              )}
            </Fact>
            <Fact label={t.delivery.event}>
              <Group gap={4} wrap="nowrap">
                {shows("events") ? (
                  <Anchor component={Link} {...{ to: `${base}/events/${d.event}` }} className="mono clip">
                    {d.event}
                  </Anchor>
                ) : (
                  <span className="mono clip">{d.event}</span>
                )}
                <Copy text={d.event} label={`${t.common.copy}: ${t.delivery.event}`} />
              </Group>
            </Fact>
            <Fact label={t.deliveries.reason}>{d.reason ? (t.reason[d.reason] ?? d.reason) : "–"}</Fact>
            <Fact label={t.delivery.mode}>{t.delivery[d.mode]}</Fact>
            <Fact label="Id">
              <span className="mono">{d.id}</span>
            </Fact>
          </SimpleGrid>
        </Paper>
        <Why delivery={d} />
        <section aria-labelledby="attempts">
          <Title order={2} id="attempts" mb="sm">
            {t.delivery.timeline}
          </Title>
          {mayReveal && attempts.length > 0 && (
            <Paper p="md" pb={4} mb="sm">
              <Reveal shown={revealed} busy={revealed && plain.isPending} onChange={setRevealed} />
              {revealed && <Trouble error={plain.error} retry={() => void plain.refetch()} />}
            </Paper>
          )}
          {attempts.length === 0 ? (
            <Paper p="lg">
              <Text c="dimmed" size="sm">
                {t.delivery.none}
              </Text>
            </Paper>
          ) : (
            <Paper>
              <Attempts key={attempts[0]?.id} tenant={tenant} delivery={d.id} attempts={attempts} revealed={seen} />
            </Paper>
          )}
        </section>
      </Stack>
    </>
  );
}

/** The attempts, the latest first and open. The body of one is read when it is opened. */
function Attempts({
  tenant,
  delivery,
  attempts,
  revealed,
}: {
  tenant: string;
  delivery: string;
  attempts: Attempt[];
  /** Those whose personal data is shown. */
  revealed: ReadonlyMap<string, Attempt>;
}) {
  const t = useT();
  const [open, setOpen] = useState(attempts.slice(0, 1).map((a) => a.id));
  return (
    <Accordion multiple value={open} onChange={setOpen}>
      {attempts.map((a, i) => (
        <Accordion.Item key={a.id} value={a.id} style={i === attempts.length - 1 ? { border: 0 } : undefined}>
          <Accordion.Control>
            <AttemptLine attempt={a} n={Number(a.id.split("_").at(-1))} />
          </Accordion.Control>
          <Accordion.Panel>
            {a.error && <Technical error={a.error} />}
            <RuleError text={a.rule_error} />
            {a.batch && (
              <Text size="sm" mb="md">
                {t.delivery.together}: {t.delivery.togetherAs(a.batch.position + 1, a.batch.of)}{" "}
                <span className="mono">{a.batch.id}</span>
              </Text>
            )}
            {a.interrupted && (
              <Text size="sm" mb="md">
                {t.delivery.interrupted}
              </Text>
            )}
            {a.unreadable && (
              <Text size="sm" mb="md">
                {t.delivery.unreadable}
              </Text>
            )}
            {open.includes(a.id) && !a.unreadable && (
              <Exchange
                request={a.request}
                response={a.response}
                timing={a.timing_ms}
                steps={a.steps}
                stored={{ tenant, delivery, attempt: a.id, reveal: revealed.has(a.id) }}
              />
            )}
          </Accordion.Panel>
        </Accordion.Item>
      ))}
    </Accordion>
  );
}

/** Which rules made the delivery what it is, and what is next. */
function Why({ delivery: d }: { delivery: DeliveryDetail }) {
  const t = useT();
  const rules = [
    { label: t.why.made, reason: d.why.made },
    { label: t.why.taken, reason: d.test ? null : d.why.taken }, // the same of a test
    { label: t.why.judged, reason: d.why.judged },
    { label: t.why.decided, reason: d.why.rule },
    { label: t.why.next, reason: d.why.next },
  ];
  return (
    <section aria-labelledby="why">
      <Title order={2} id="why" mb="sm">
        {t.why.title}
      </Title>
      <Paper p="lg">
        <SimpleGrid component="dl" cols={{ base: 1, md: 2 }} m={0}>
          {rules.map(
            ({ label, reason }) =>
              reason && (
                <Fact key={label} label={label}>
                  {reason.detail}
                  {reason === d.why.next && !finished.includes(d.state) && <NextTime at={d.next_attempt_at} exact />}
                  {reason.cause && (
                    <Text size="xs" c="dimmed" mt={2}>
                      {t.why.rule}: <span className="mono">{reason.cause}</span>
                    </Text>
                  )}
                </Fact>
              ),
          )}
        </SimpleGrid>
      </Paper>
    </section>
  );
}

/** When the next attempt is. */
function NextTime({ at, exact }: { at: string | null; exact?: boolean }) {
  const t = useT();
  if (!at) return null;
  return (
    <Text size="sm" mt={4}>
      {Date.parse(at) > Date.now() ? (
        <>
          {t.deliveries.next}: <Time at={at} />
          {exact && ` (${exactTime(at, t.locale)})`}
        </>
      ) : (
        t.delivery.due
      )}
    </Text>
  );
}

function AttemptLine({ attempt: a, n }: { attempt: Attempt; n: number }) {
  const t = useT();
  return (
    <Group gap="md" wrap="wrap">
      <Text size="sm" fw={600}>
        {t.delivery.attempt(n)}
      </Text>
      <Tone color={a.error ? "red" : "teal"}>
        {a.error ? (t.reason[a.error.class] ?? a.error.class) : t.delivery.succeeded}
      </Tone>
      {a.response && (
        <Text size="sm" className="mono">
          HTTP {a.response.status}
        </Text>
      )}
      <Text size="sm" c="dimmed" className="number">
        {t.test.took(milliseconds(a.timing_ms.total, t.locale))}
      </Text>
      <Text size="sm" c="dimmed">
        <Time at={a.started_at} />
      </Text>
    </Group>
  );
}
