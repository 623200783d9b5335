// Sends again what an endpoint missed, and shows how far that is.
import { Button, Checkbox, Group, Modal, Progress, Select, Stack, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { IconRefresh } from "@tabler/icons-react";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { api, type Endpoint, ok, type Recovery } from "../api/client";
import { ofTenant, queryClient } from "../api/queries";
import { number } from "../format";
import { useT } from "../i18n";
import { Trouble } from "./basics";

type Missed = "failed" | "cancelled" | "missing" | "delivered";

export function Recover({ endpoint: e }: { endpoint: Endpoint }) {
  const t = useT();
  const [opened, { open, close }] = useDisclosure();
  return (
    <>
      <Button variant="default" size="xs" leftSection={<IconRefresh size={14} />} onClick={open}>
        {t.endpoints.recover}
      </Button>
      {opened && <RecoverDialog endpoint={e} onClose={close} />}
    </>
  );
}

function RecoverDialog({ endpoint: e, onClose }: { endpoint: Endpoint; onClose: () => void }) {
  const t = useT();
  const [hours, setHours] = useState("24");
  const [states, setStates] = useState<Missed[]>(["failed", "cancelled", "missing"]);
  const path = { tenant: e.tenant, endpoint: e.id };
  const since = () => new Date(Date.now() - Number(hours) * 3_600_000).toISOString();
  const start = useMutation({
    mutationFn: () =>
      ok(
        api.POST("/v1/tenants/{tenant}/endpoints/{endpoint}/recover", {
          params: { path },
          body: { since: since(), states },
        }),
      ),
  });
  const count = useMutation({
    mutationFn: () =>
      ok(
        api.POST("/v1/tenants/{tenant}/endpoints/{endpoint}/recover/preview", {
          params: { path },
          body: { since: since(), states },
        }),
      ),
  });
  const reset = count.reset;
  // biome-ignore lint/correctness/useExhaustiveDependencies: a count is of the time and the states it was made with
  useEffect(reset, [hours, states, reset]);
  return (
    <Modal
      opened
      onClose={onClose}
      title={<Text fw={620}>{t.recover.title}</Text>}
      centered
      closeButtonProps={{ "aria-label": t.common.close }}
    >
      <Stack>
        <Text size="sm" c="dimmed">
          {t.recover.text}
        </Text>
        {start.data ? (
          <Running recovery={start.data} endpoint={e} />
        ) : (
          <>
            <Select
              label={t.recover.since}
              allowDeselect={false}
              value={hours}
              onChange={(v) => v && setHours(v)}
              data={[
                { value: "1", label: t.recover.lastHour },
                { value: "24", label: t.recover.lastDay },
                { value: "168", label: t.recover.lastWeek },
                { value: "720", label: t.recover.lastMonth },
              ]}
            />
            <Checkbox.Group label={t.recover.states} value={states} onChange={(v) => setStates(v as Missed[])}>
              <Stack gap={6} mt={6}>
                {(["failed", "cancelled", "missing", "delivered"] as const).map((s) => (
                  <Checkbox key={s} value={s} label={t.recover[s]} />
                ))}
              </Stack>
            </Checkbox.Group>
            <div aria-live="polite">
              {count.data && (
                <Text fw={600}>
                  {count.data.deliveries === 0 && !count.data.at_least
                    ? t.recover.zero
                    : (count.data.at_least ? t.recover.atLeast : t.recover.count)(
                        number(count.data.deliveries, t.locale),
                      )}
                </Text>
              )}
              <Trouble error={start.error ?? count.error} />
            </div>
            <Group justify="flex-end">
              <Button
                variant="default"
                loading={count.isPending}
                disabled={states.length === 0}
                onClick={() => count.mutate()}
              >
                {t.recover.preview}
              </Button>
              <Button
                loading={start.isPending}
                disabled={states.length === 0 || (count.data?.at_least === false && count.data.deliveries === 0)}
                onClick={() => start.mutate()}
              >
                {t.recover.start}
              </Button>
            </Group>
          </>
        )}
      </Stack>
    </Modal>
  );
}

function Running({ recovery, endpoint: e }: { recovery: Recovery; endpoint: Endpoint }) {
  const t = useT();
  const now = useQuery({
    queryKey: [...ofTenant(e.tenant), "recovery", recovery.id],
    queryFn: () =>
      ok(
        api.GET("/v1/tenants/{tenant}/endpoints/{endpoint}/recoveries/{recovery}", {
          params: { path: { tenant: e.tenant, endpoint: e.id, recovery: recovery.id } },
        }),
      ),
    initialData: recovery,
    refetchInterval: (q) => (q.state.data?.state === "running" ? 500 : false),
  });
  const stop = useMutation({
    mutationFn: () =>
      ok(
        api.POST("/v1/tenants/{tenant}/endpoints/{endpoint}/recoveries/{recovery}/stop", {
          params: { path: { tenant: e.tenant, endpoint: e.id, recovery: recovery.id } },
        }),
      ),
    onSuccess: () => now.refetch(),
  });
  const r = now.data;
  const done = r.state !== "running";
  useEffect(() => {
    if (done) void queryClient.invalidateQueries({ queryKey: ofTenant(e.tenant) });
  }, [done, e.tenant]);
  const part = done ? 100 : 100 * r.progress;
  return (
    <Stack gap="xs">
      <Progress value={part} animated={!done} aria-label={t.recover.title} />
      <Text size="sm" aria-live="polite">
        {r.state === "cancelled"
          ? t.recover.stopped(number(r.requeued, t.locale))
          : done
            ? t.recover.done(number(r.requeued, t.locale))
            : t.recover.running(number(r.examined, t.locale), number(r.requeued, t.locale))}
      </Text>
      <Trouble error={now.error ?? stop.error} />
      {!done && (
        <Group justify="flex-end">
          <Button size="xs" variant="default" loading={stop.isPending} onClick={() => stop.mutate()}>
            {t.bulk.stop}
          </Button>
        </Group>
      )}
    </Stack>
  );
}
