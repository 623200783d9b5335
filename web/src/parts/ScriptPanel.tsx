// An endpoint's transformation on the left, what it does to a stored event on the right. Nothing is sent.
import { Alert, Anchor, Button, Group, Loader, Paper, Select, SimpleGrid, Stack, Text } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { IconAlertTriangle, IconHandStop, IconWebhook } from "@tabler/icons-react";
import { keepPreviousData, useInfiniteQuery, useMutation, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import { api, type Endpoint, ok } from "../api/client";
import { eventsQuery, ofTenant, queryClient } from "../api/queries";
import { exactTime } from "../format";
import { useT } from "../i18n";
import { Empty, Skeletons, Trouble, useSettled } from "./basics";
import { Code, Headers } from "./Code";
import { useEventTitles } from "./DeliveryRows";
import { LazyEditor } from "./LazyEditor";

const unchanged = "function handler(webhook) {\n  return webhook\n}\n";
const nothing: never[] = [];

export function ScriptPanel({ endpoint: e }: { endpoint: Endpoint }) {
  const t = useT();
  const [first] = useState(e.transformation || unchanged);
  const [script, setScript] = useState(first);
  const [picked, pick] = useState<string | null>(null);
  const titles = useEventTitles();
  const events = useInfiniteQuery(eventsQuery(e.tenant, { contract: e.contract }));
  const items = events.data?.pages.flatMap((p) => p.items) ?? [];
  const event = picked ?? items[0]?.id;
  const settled = useSettled(script, 500);
  const path = { tenant: e.tenant, endpoint: e.id };
  const render = useQuery({
    queryKey: [...ofTenant(e.tenant), "render", e.id, event, settled],
    placeholderData: keepPreviousData,
    enabled: event !== undefined,
    queryFn: () => ok(api.POST("/v1/tenants/{tenant}/endpoints/{endpoint}/render", { params: { path }, body: { event: event ?? "", transformation: settled } })),
  });
  const save = useMutation({
    mutationFn: () => ok(api.PATCH("/v1/tenants/{tenant}/endpoints/{endpoint}", { params: { path }, body: { transformation: script } })),
    onSuccess: () => {
      notifications.show({ message: t.endpoints.saved });
      return queryClient.invalidateQueries({ queryKey: ofTenant(e.tenant) });
    },
  });
  const r = render.data;
  const error = r?.error ?? undefined;
  const marks = useMemo(() => (error?.line ? [{ line: error.line, column: error.column || 1, text: error.detail }] : nothing), [error]);
  return (
    <SimpleGrid cols={{ base: 1, md: 2 }} spacing="lg">
      <Stack gap="sm" style={{ minWidth: 0 }}>
        <Group justify="space-between" mih={36}>
          <Text fw={620}>{t.form.transformation}</Text>
          <Button size="xs" loading={save.isPending} disabled={script === e.transformation} onClick={() => save.mutate()}>{t.common.save}</Button>
        </Group>
        <LazyEditor first={first} language="javascript" label={t.form.transformation} marks={marks} height="60dvh" onChange={(text) => {
          save.reset();
          setScript(text);
        }} />
        <Trouble error={save.error} />
      </Stack>
      <Stack gap="sm" style={{ minWidth: 0 }}>
        <Group justify="space-between" mih={36} wrap="nowrap">
          <Text fw={620}>{t.contracts.result}</Text>
          <Group gap="xs" wrap="nowrap" style={{ minWidth: 0 }}>
            {render.isFetching && <Loader size="xs" aria-label={t.common.loading} />}
            {items.length > 0 && <Select size="xs" aria-label={t.deliveries.event} value={event ?? null} onChange={pick} searchable allowDeselect={false} w={260}
              data={items.map((x) => ({ value: x.id, label: `${titles(x.contract, x.type)}, ${exactTime(x.created_at, t.locale)}` }))} />}
          </Group>
        </Group>
        <Trouble error={events.error ?? render.error} />
        {events.isPending ? <Skeletons rows={3} /> : items.length === 0 && !events.error && (
          <Paper>
            <Empty icon={<IconWebhook size={40} stroke={1.5} />} title={t.events.empty} text={t.script.needsEvent}>
              <Anchor component={Link} {...({ to: ".", search: { tab: "test" } } as object)} size="sm">{t.test.run}</Anchor>
            </Empty>
          </Paper>
        )}
        <div aria-live="polite">
          {error && <Alert color="red" variant="light" icon={<IconAlertTriangle />} title={t.reason.script_error}>{error.line > 0 && <b>{t.contracts.line(error.line)}: </b>}{error.detail}</Alert>}
          {r?.cancelled && <Alert color="yellow" variant="light" icon={<IconHandStop />} title={t.script.cancelled}>{r.reason}</Alert>}
        </div>
        {r && (
          <>
            {r.console.length > 0 && (
              <div>
                <Text size="sm" fw={600} mb={6}>{t.script.console}</Text>
                <pre className="code" tabIndex={0} role="region" aria-label={t.script.console}>{r.console.join("\n")}</pre>
              </div>
            )}
            {(error || r.cancelled) && <Text size="sm" c="dimmed">{t.script.without}</Text>}
            <Text className="mono" style={{ overflowWrap: "anywhere" }}><b>{r.method}</b> {r.url}</Text>
            <Headers headers={r.headers} label={t.delivery.headers} />
            <Code text={r.body} label={t.delivery.body} />
          </>
        )}
      </Stack>
    </SimpleGrid>
  );
}
