// Many deliveries at once: sent again, or cancelled. What will happen is counted first; while it happens one sees how far
// it is and can stop it.
import { Button, Group, List, Modal, Progress, Stack, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { IconBan } from "@tabler/icons-react";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { api, ok, type Schemas } from "../api/client";
import { type DeliveryFilter, ofTenant, queryClient, several } from "../api/queries";
import { number } from "../format";
import { useT } from "../i18n";
import { useMay } from "../session";
import { Time, Trouble } from "./basics";

export type BulkInput = Schemas["BulkInput"];
type BulkAction = Schemas["BulkAction"];

const everything: BulkInput["states"] = [
  "pending",
  "sending",
  "retrying",
  "delivered",
  "failed",
  "unknown",
  "cancelled",
];

/**
 * What a bulk action is asked for all that a filter selects: with a text, what a search finds. Then it is about all
 * states, as the search is.
 */
export const bulkOf = (action: BulkInput["action"], f: DeliveryFilter, contains?: string): BulkInput => ({
  action,
  contains,
  endpoints: several(f.endpoint),
  contracts: several(f.contract),
  types: several(f.type),
  states: (several(f.state) as BulkInput["states"]) ?? (contains ? everything : undefined),
  event: f.event,
  since: f.since,
  until: f.until,
  by: f.by as BulkInput["by"],
  tests: f.tests,
});

export function BulkDialog({ tenant, input, onClose }: { tenant: string; input: BulkInput; onClose: () => void }) {
  const t = useT();
  const retry = input.action === "retry";
  const preview = useQuery({
    queryKey: [...ofTenant(tenant), "bulk-preview", input],
    queryFn: () =>
      ok(api.POST("/v1/tenants/{tenant}/bulk-actions/preview", { params: { path: { tenant } }, body: input })),
    gcTime: 0,
  });
  const start = useMutation({
    mutationFn: () => ok(api.POST("/v1/tenants/{tenant}/bulk-actions", { params: { path: { tenant } }, body: input })),
    onSuccess: () => queryClient.invalidateQueries({ queryKey: bulksKey(tenant) }),
  });
  const p = preview.data;
  const left = Object.entries(p?.left ?? {});
  return (
    <Modal
      opened
      onClose={onClose}
      title={<Text fw={620}>{retry ? t.bulk.retryTitle : t.bulk.cancelTitle}</Text>}
      centered
      closeButtonProps={{ "aria-label": t.common.close }}
    >
      <Stack>
        <Text size="sm" c="dimmed">
          {retry ? t.bulk.retryText : t.bulk.cancelText}
        </Text>
        {start.data ? (
          <Running tenant={tenant} bulk={start.data} />
        ) : (
          <>
            <div aria-live="polite">
              {!p && !preview.error && <Text size="sm">{t.bulk.counting}</Text>}
              {p && (
                <Text fw={600}>
                  {(retry ? t.bulk.willRetry : t.bulk.willCancel)(number(p.changed, t.locale), p.at_least)}
                </Text>
              )}
              {!!p?.final && (
                <Text size="sm" mt="xs">
                  {t.bulk.final(number(p.final, t.locale))}
                </Text>
              )}
              {input.contains && (
                <Text size="sm" mt="xs">
                  {t.bulk.searched(input.contains)}
                </Text>
              )}
              {left.length > 0 && (
                <>
                  <Text size="sm" mt="xs">
                    {t.bulk.stays}
                  </Text>
                  <List size="sm">
                    {left.map(([why, n]) => (
                      <List.Item key={why}>
                        {number(n, t.locale)} · {(t.bulk.left as Record<string, string>)[why] ?? why}
                      </List.Item>
                    ))}
                  </List>
                </>
              )}
              <Trouble error={preview.error ?? start.error} />
            </div>
            <Group justify="flex-end">
              <Button
                color={retry ? undefined : "red"}
                loading={start.isPending}
                disabled={!p || (p.changed === 0 && !p.at_least)}
                onClick={() => start.mutate()}
              >
                {retry ? t.bulk.startRetry : t.bulk.startCancel}
              </Button>
            </Group>
          </>
        )}
      </Stack>
    </Modal>
  );
}

const bulksKey = (tenant: string) => [...ofTenant(tenant), "bulk-actions"] as const;

/** Stops a bulk action; what it has changed stays so. */
function useStop(tenant: string, bulk: string) {
  return useMutation({
    mutationFn: () =>
      ok(api.POST("/v1/tenants/{tenant}/bulk-actions/{bulk}/stop", { params: { path: { tenant, bulk } } })),
    onSettled: () => queryClient.invalidateQueries({ queryKey: bulksKey(tenant) }),
  });
}

/** How a bulk action ended, in words. */
function useResult() {
  const t = useT();
  return (b: BulkAction) => {
    const n = number(b.changed, t.locale);
    if (b.state === "stopped") return `${t.bulk.stopped(n)} ${b.reason ? t.bulk.why[b.reason] : ""}`.trim();
    return (b.action === "retry" ? t.bulk.doneRetry : t.bulk.doneCancel)(n);
  };
}

/** The bulk actions that run, whoever began them, which one can stop; and those that ended during the last day. */
export function BulkLines({ tenant }: { tenant: string }) {
  const t = useT();
  const result = useResult();
  const [opened, { toggle }] = useDisclosure();
  const list = useQuery({
    queryKey: bulksKey(tenant),
    queryFn: async () =>
      (await ok(api.GET("/v1/tenants/{tenant}/bulk-actions", { params: { path: { tenant }, query: { limit: 20 } } })))
        .items,
    refetchInterval: (q) => (q.state.data?.some((b) => b.state === "running") ? 2000 : false),
  });
  const running = list.data?.filter((b) => b.state === "running") ?? [];
  const since = Date.now() - 86_400_000;
  const ended = list.data?.filter((b) => b.finished_at && Date.parse(b.finished_at) > since) ?? [];
  const count = running.length;
  const [before, setBefore] = useState(0);
  useEffect(() => {
    if (count < before) void queryClient.invalidateQueries({ queryKey: [...ofTenant(tenant), "deliveries"] });
    setBefore(count);
  }, [count, before, tenant]);
  if (count + ended.length === 0) return null;
  return (
    <Stack gap={4} mb="sm" role="group" aria-label={t.bulk.actions}>
      {running.map((b) => (
        <RunningLine key={b.id} tenant={tenant} bulk={b} />
      ))}
      {ended.length > 0 && (
        <div>
          <Button
            size="compact-xs"
            variant="subtle"
            color="gray"
            h="auto"
            styles={{ label: { whiteSpace: "normal", textAlign: "start" } }}
            aria-expanded={opened}
            onClick={toggle}
          >
            {t.bulk.ended(number(ended.length, t.locale))}
          </Button>
          {opened && (
            <List size="sm" mt={4}>
              {ended.map((b) => {
                const left = Object.values(b.left).reduce((a, n) => a + n, 0);
                return (
                  <List.Item key={b.id}>
                    <Time at={b.finished_at} /> · {result(b)} {left > 0 && t.bulk.leftAlone(number(left, t.locale))}
                  </List.Item>
                );
              })}
            </List>
          )}
        </div>
      )}
    </Stack>
  );
}

function RunningLine({ tenant, bulk: b }: { tenant: string; bulk: BulkAction }) {
  const t = useT();
  const mayStop = useMay("retry");
  const stop = useStop(tenant, b.id);
  const done = number(b.changed, t.locale);
  return (
    <Group gap="sm" wrap="nowrap">
      <Text size="sm">
        {(b.action === "retry" ? t.bulk.retrying : t.bulk.cancelling)(
          done,
          b.total === null ? undefined : number(b.total, t.locale),
        )}
      </Text>
      {mayStop && (
        <Button size="compact-xs" variant="default" loading={stop.isPending} onClick={() => stop.mutate()}>
          {t.bulk.stop}
        </Button>
      )}
      <Trouble error={stop.error} />
    </Group>
  );
}

/** Takes back what waits for an endpoint, after it was counted. */
export function CancelWaiting({ tenant, endpoint }: { tenant: string; endpoint: string }) {
  const t = useT();
  const [opened, { open, close }] = useDisclosure();
  return (
    <>
      <Button variant="default" size="xs" leftSection={<IconBan size={14} />} onClick={open}>
        {t.bulk.cancel}
      </Button>
      {opened && <BulkDialog tenant={tenant} input={{ action: "cancel", endpoints: [endpoint] }} onClose={close} />}
    </>
  );
}

function Running({ tenant, bulk }: { tenant: string; bulk: BulkAction }) {
  const t = useT();
  const result = useResult();
  const path = { tenant, bulk: bulk.id };
  const now = useQuery({
    queryKey: [...ofTenant(tenant), "bulk", bulk.id],
    queryFn: () => ok(api.GET("/v1/tenants/{tenant}/bulk-actions/{bulk}", { params: { path } })),
    initialData: bulk,
    refetchInterval: (q) => (q.state.data?.state === "running" ? 500 : false),
  });
  const stop = useStop(tenant, bulk.id);
  const b = now.data;
  const ended = b.state !== "running";
  useEffect(() => {
    if (ended) void queryClient.invalidateQueries({ queryKey: ofTenant(tenant) });
  }, [ended, tenant]);
  const done = number(b.changed, t.locale);
  return (
    <Stack gap="xs">
      <Progress value={ended ? 100 : 100 * b.progress} animated={!ended} aria-label={t.common.loading} />
      <Text size="sm" aria-live="polite">
        {ended ? result(b) : t.bulk.running(done, b.total === null ? "…" : number(b.total, t.locale))}
      </Text>
      <Trouble error={now.error ?? stop.error} />
      {!ended && (
        <Group justify="space-between">
          <Text size="xs" c="dimmed">
            {t.bulk.background}
          </Text>
          <Button
            size="xs"
            variant="default"
            loading={stop.isPending}
            onClick={() => stop.mutate(undefined, { onSuccess: () => void now.refetch() })}
          >
            {t.bulk.stop}
          </Button>
        </Group>
      )}
    </Stack>
  );
}
