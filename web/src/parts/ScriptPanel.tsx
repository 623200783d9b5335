// An endpoint's transformation on the left, what it does to a stored event or to an example on the right. Nothing is sent.
import { Alert, Button, Group, Loader, SimpleGrid, Stack, Text } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { IconAlertTriangle, IconHandStop } from "@tabler/icons-react";
import { keepPreviousData, useInfiniteQuery, useMutation, useQuery } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { api, type Endpoint, ok } from "../api/client";
import { contractQuery, eventsQuery, ofTenant, queryClient } from "../api/queries";
import { type Language, useT } from "../i18n";
import { useShows } from "../session";
import { Skeletons, Trouble, useSettled } from "./basics";
import { Code, Headers } from "./Code";
import { EventPicker, eventOf, firstExample } from "./EventPicker";
import { LazyEditor } from "./LazyEditor";

const unchanged = "function handler(webhook) {\n  return webhook\n}\n";
const nothing: never[] = [];
export function ScriptPanel({ endpoint: e }: { endpoint: Endpoint }) {
  const t = useT();
  const [first] = useState(e.transformation || unchanged);
  const [script, setScript] = useState(first);
  const [picked, pick] = useState<string | null>(null);
  const events = useInfiniteQuery({
    ...eventsQuery(e.tenant, { contract: e.contract }),
    enabled: useShows()("events"),
  });
  const contract = useQuery(contractQuery(e.contract, t.code as Language));
  const types = contract.data?.events;
  const input =
    picked ?? events.data?.pages[0]?.items[0]?.id ?? (types && !events.isPending ? firstExample(types) : undefined);
  const settled = useSettled(script, 500);
  const path = { tenant: e.tenant, endpoint: e.id };
  const render = useQuery({
    queryKey: [...ofTenant(e.tenant), "render", e.id, input, settled],
    placeholderData: keepPreviousData,
    enabled: input !== undefined,
    queryFn: () =>
      ok(
        api.POST("/v1/tenants/{tenant}/endpoints/{endpoint}/render", {
          params: { path },
          body: { ...eventOf(input ?? ""), transformation: settled },
        }),
      ),
  });
  const save = useMutation({
    mutationFn: () =>
      ok(
        api.PATCH("/v1/tenants/{tenant}/endpoints/{endpoint}", { params: { path }, body: { transformation: script } }),
      ),
    onSuccess: () => {
      notifications.show({ message: t.endpoints.saved });
      return queryClient.invalidateQueries({ queryKey: ofTenant(e.tenant) });
    },
  });
  const r = render.data;
  const error = r?.error ?? undefined;
  const marks = useMemo(
    () => (error?.line ? [{ line: error.line, column: error.column || 1, text: error.detail }] : nothing),
    [error],
  );
  return (
    <SimpleGrid cols={{ base: 1, md: 2 }} spacing="lg">
      <Stack gap="sm" style={{ minWidth: 0 }}>
        <Group justify="space-between" mih={36}>
          <Text fw={620}>{t.form.transformation}</Text>
          <Button
            size="xs"
            loading={save.isPending}
            disabled={script === (e.transformation || unchanged)}
            onClick={() => save.mutate()}
          >
            {t.common.save}
          </Button>
        </Group>
        <LazyEditor
          first={first}
          language="javascript"
          label={t.form.transformation}
          marks={marks}
          height="60dvh"
          onChange={(text) => {
            save.reset();
            setScript(text);
          }}
        />
        <Trouble error={save.error} />
      </Stack>
      <Stack gap="sm" style={{ minWidth: 0 }}>
        <Group justify="space-between" mih={36} wrap="nowrap">
          <Text fw={620}>{t.contracts.result}</Text>
          <Group gap="xs" wrap="nowrap" style={{ minWidth: 0 }}>
            {render.isFetching && <Loader size="xs" aria-label={t.common.loading} />}
            <EventPicker
              tenant={e.tenant}
              contract={e.contract}
              events={types ?? nothing}
              value={input ?? null}
              onChange={pick}
            />
          </Group>
        </Group>
        <Trouble error={events.error ?? contract.error ?? render.error} />
        {render.isPending && !render.error && <Skeletons rows={3} />}
        <div aria-live="polite">
          {error && (
            <Alert color="red" variant="light" icon={<IconAlertTriangle />} title={t.reason.script_error}>
              {error.line > 0 && <b>{t.contracts.line(error.line)}: </b>}
              {error.detail}
            </Alert>
          )}
          {r?.cancelled && (
            <Alert color="yellow" variant="light" icon={<IconHandStop />} title={t.script.cancelled}>
              {r.reason}
            </Alert>
          )}
        </div>
        {r && (
          <>
            {r.console.length > 0 && (
              <div>
                <Text size="sm" fw={600} mb={6}>
                  {t.script.console}
                </Text>
                <pre className="code" tabIndex={0} role="region" aria-label={t.script.console}>
                  {r.console.join("\n")}
                </pre>
              </div>
            )}
            {(error || r.cancelled) && (
              <Text size="sm" c="dimmed">
                {t.script.without}
              </Text>
            )}
            <Text className="mono" style={{ overflowWrap: "anywhere" }}>
              <b>{r.method}</b> {r.url}
            </Text>
            <Headers headers={r.headers} label={t.delivery.headers} />
            <Code text={r.body} label={t.delivery.body} />
          </>
        )}
      </Stack>
    </SimpleGrid>
  );
}
