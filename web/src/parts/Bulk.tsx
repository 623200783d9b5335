// Many deliveries at once: sent again, or cancelled. What will happen is counted first; while it happens one sees how far
// it is and can stop it.
import { Button, Group, List, Modal, Progress, Stack, Text } from "@mantine/core";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useEffect } from "react";
import { api, ok, type Schemas } from "../api/client";
import { type DeliveryFilter, ofTenant, queryClient, several } from "../api/queries";
import { number } from "../format";
import { useT } from "../i18n";
import { Trouble } from "./basics";

export type BulkInput = Schemas["BulkInput"];

/** What a bulk action is asked for all that a filter selects. */
export const bulkOf = (action: BulkInput["action"], f: DeliveryFilter): BulkInput => ({
  action,
  endpoints: several(f.endpoint),
  contracts: several(f.contract),
  types: several(f.type),
  states: several(f.state) as BulkInput["states"],
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

function Running({ tenant, bulk }: { tenant: string; bulk: Schemas["BulkAction"] }) {
  const t = useT();
  const path = { tenant, bulk: bulk.id };
  const now = useQuery({
    queryKey: [...ofTenant(tenant), "bulk", bulk.id],
    queryFn: () => ok(api.GET("/v1/tenants/{tenant}/bulk-actions/{bulk}", { params: { path } })),
    initialData: bulk,
    refetchInterval: (q) => (q.state.data?.state === "running" ? 500 : false),
  });
  const stop = useMutation({
    mutationFn: () => ok(api.POST("/v1/tenants/{tenant}/bulk-actions/{bulk}/stop", { params: { path } })),
    onSuccess: () => now.refetch(),
  });
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
        {b.state === "stopped"
          ? t.bulk.stopped(done)
          : ended
            ? (b.action === "retry" ? t.bulk.doneRetry : t.bulk.doneCancel)(done)
            : t.bulk.running(done, b.total === null ? "…" : number(b.total, t.locale))}
      </Text>
      <Trouble error={now.error ?? stop.error} />
      {!ended && (
        <Group justify="space-between">
          <Text size="xs" c="dimmed">
            {t.bulk.background}
          </Text>
          <Button size="xs" variant="default" loading={stop.isPending} onClick={() => stop.mutate()}>
            {t.bulk.stop}
          </Button>
        </Group>
      )}
    </Stack>
  );
}
