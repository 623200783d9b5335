// One event: its content, to the byte, and what came of it at each endpoint.
import { Alert, Anchor, Button, Group, Paper, SimpleGrid, Stack, Text, Title } from "@mantine/core";
import { IconHelp } from "@tabler/icons-react";
import { useMutation, useQuery } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import { useState } from "react";
import { api, type Endpoint, ok } from "../api/client";
import { contractsQuery, deliveriesQuery, endpointsQuery, eventQuery, payloadQuery } from "../api/queries";
import { exactTime } from "../format";
import { type Language, useT } from "../i18n";
import {
  Copy,
  detailOf,
  Fact,
  HealthBadge,
  PageHead,
  Skeletons,
  StateBadge,
  Time,
  Trouble,
  Unreadable,
} from "../parts/basics";
import { Code } from "../parts/Code";
import { useEventTitles } from "../parts/DeliveryRows";
import { Columns } from "../parts/Listing";
import { Reveal, useMayReveal } from "../parts/Reveal";
import { useShows } from "../session";

/** The media type of a payload that was erased for a person. */
const erasedType = "application/x-gancho-erased";

export function EventPage() {
  const t = useT();
  const { tenant, event: id } = useParams({ from: "/t/$tenant/events/$event" });
  const event = useQuery(eventQuery(tenant, id));
  const [revealed, setRevealed] = useState(false);
  const mayReveal = useMayReveal(event.data?.contract);
  const masked = useQuery(payloadQuery(tenant, id));
  const plain = useQuery({ ...payloadQuery(tenant, id, true), enabled: revealed });
  const payload = revealed && (plain.data || plain.error) ? plain : masked;
  const shows = useShows();
  const deliveries = useQuery({
    ...deliveriesQuery(tenant, { event: id }),
    refetchInterval: 5_000,
    enabled: shows("deliveries"),
  });
  const endpoints = useQuery(endpointsQuery(tenant));
  const contracts = useQuery(contractsQuery(t.code as Language));
  const titles = useEventTitles();
  const base = `/t/${encodeURIComponent(tenant)}`;
  const back = (
    <Anchor component={Link} {...{ to: `${base}/events` }} size="sm" c="dimmed">
      ← {t.events.title}
    </Anchor>
  );
  if (event.error)
    return (
      <>
        {back}
        <PageHead title={t.events.title1} />
        <Trouble error={event.error} retry={() => void event.refetch()} />
      </>
    );
  if (!event.data) return <Skeletons />;
  const e = event.data;
  const items = deliveries.data?.items ?? [];
  const nameOf = (id: string) => {
    const x = endpoints.data?.find((y) => y.id === id);
    return x ? x.name || x.url : t.deliveries.gone;
  };
  const without = (endpoints.data ?? []).filter((x) => !items.some((d) => d.endpoint === x.id));
  return (
    <>
      {back}
      <PageHead title={titles(e.contract, e.type)} text={<span className="mono">{e.type}</span>} />
      <Stack gap="lg">
        <Paper p="lg">
          <SimpleGrid component="dl" cols={{ base: 1, xs: 2, md: 3 }} m={0}>
            <Fact label={t.common.created}>{exactTime(e.created_at, t.locale)}</Fact>
            <Fact label={t.events.contract}>
              {contracts.data?.find((c) => c.name === e.contract)?.title ?? e.contract}
            </Fact>
            <Fact label={t.events.source}>{t.events.sources[e.source] ?? e.source}</Fact>
            {e.external_id && (
              <Fact label={t.events.externalId}>
                <span className="mono">{e.external_id}</span>
              </Fact>
            )}
            <Fact label="Id">
              <Group gap={4} wrap="nowrap">
                <span className="mono">{e.id}</span>
                <Copy text={e.id} label={`${t.common.copy}: Id`} />
              </Group>
            </Fact>
          </SimpleGrid>
        </Paper>
        {e.schema_errors && e.schema_errors.length > 0 && (
          <Alert color="yellow" title={t.events.misshapen}>
            {e.schema_errors.map((x) => (
              <Text key={`${x.pointer}${x.code}`} size="sm">
                <span className="mono">{x.pointer}</span> {detailOf(x, t)}
              </Text>
            ))}
          </Alert>
        )}
        <section aria-labelledby="deliveries">
          <Title order={2} id="deliveries" mb="sm">
            {t.events.deliveries}
          </Title>
          <Trouble error={deliveries.error} />
          <Paper>
            {deliveries.isPending ? (
              <Skeletons rows={2} />
            ) : items.length === 0 ? (
              <Text p="lg" size="sm" c="dimmed">
                {t.events.noDeliveries}
              </Text>
            ) : (
              <Columns
                items={items}
                id={(d) => d.id}
                width={480}
                columns={[
                  {
                    label: t.deliveries.endpoint,
                    cell: (d) => (
                      <Anchor component={Link} {...{ to: `${base}/deliveries/${d.id}` }} size="sm" fw={550}>
                        {nameOf(d.endpoint)}
                      </Anchor>
                    ),
                  },
                  { label: t.common.state, cell: (d) => <StateBadge state={d.state} /> },
                  { label: t.deliveries.attempts, className: "number", cell: (d) => d.attempts },
                  { label: t.common.time, cell: (d) => <Time at={d.finished_at ?? d.created_at} /> },
                ]}
              />
            )}
          </Paper>
          {deliveries.data?.next_cursor ? (
            <Button
              component={Link}
              {...({ to: `${base}/deliveries`, search: { event: id } } as object)}
              variant="default"
              mt="md"
            >
              {t.common.more}
            </Button>
          ) : (
            without.length > 0 &&
            without.length <= 20 && (
              <Stack gap="xs" mt="md">
                <Text size="sm" fw={600}>
                  {t.events.explainTitle}
                </Text>
                {without.map((x) => (
                  <WhyNot key={x.id} tenant={tenant} event={id} endpoint={x} />
                ))}
              </Stack>
            )
          )}
        </section>
        <Paper p="lg">
          {e.content_type === erasedType && (
            <Alert color="gray" variant="light" title={t.events.erased} mb="sm">
              {t.events.erasedText}
            </Alert>
          )}
          {e.unreadable && <Unreadable title={t.events.unreadable} text={t.events.unreadableText} />}
          {mayReveal && !e.unreadable && e.content_type !== erasedType && (
            <Reveal shown={revealed} busy={revealed && plain.isPending} onChange={setRevealed} />
          )}
          {!e.unreadable && <Trouble error={payload.error} retry={() => void payload.refetch()} />}
          {payload.data ? (
            <Code
              key={String(payload === plain)}
              text={payload.data.text}
              label={t.events.payload}
              note={payload.data.binary ? t.delivery.binary : undefined}
              file={{ name: `${e.id}.json`, bytes: payload.data.bytes }}
            />
          ) : (
            !payload.error && !e.unreadable && <Skeletons rows={3} />
          )}
        </Paper>
      </Stack>
    </>
  );
}

function WhyNot({ tenant, event, endpoint }: { tenant: string; event: string; endpoint: Endpoint }) {
  const t = useT();
  const explain = useMutation({
    mutationFn: () =>
      ok(
        api.GET("/v1/tenants/{tenant}/events/{event}/explain", {
          params: { path: { tenant, event }, query: { endpoint: endpoint.id, lang: t.code as Language } },
        }),
      ),
  });
  return (
    <Paper p="sm">
      <Group justify="space-between" gap="sm">
        <Group gap="xs">
          <Text size="sm">{endpoint.name || endpoint.url}</Text>
          <HealthBadge endpoint={endpoint} />
        </Group>
        {!explain.data && (
          <Button
            size="xs"
            variant="default"
            leftSection={<IconHelp size={14} />}
            loading={explain.isPending}
            onClick={() => explain.mutate()}
          >
            {t.events.explain}
          </Button>
        )}
      </Group>
      <div aria-live="polite">
        {explain.data?.reasons.map((r) => (
          <Text key={r.code} size="sm" mt={4} c="dimmed">
            {r.detail}
            {r.cause && (
              <Text span size="xs" display="block" mt={2}>
                {t.delivery.technical}: <span className="mono">{r.cause}</span>
              </Text>
            )}
          </Text>
        ))}
        <Trouble error={explain.error} />
      </div>
    </Paper>
  );
}
