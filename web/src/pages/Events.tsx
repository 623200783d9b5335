// What happened: events, newest first, and one by hand.
import { Anchor, Button, Group, Modal, Paper, Select, Stack, Table, Text, TextInput } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { notifications } from "@mantine/notifications";
import { IconFilterOff, IconSend, IconWebhook } from "@tabler/icons-react";
import { useInfiniteQuery, useMutation, useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useParams } from "@tanstack/react-router";
import { useState } from "react";
import { api, ok } from "../api/client";
import { contractQuery, contractsQuery, eventsQuery, ofTenant, queryClient } from "../api/queries";
import { type Language, useT } from "../i18n";
import { Empty, PageHead, Skeletons, Time, Trouble, useSettled } from "../parts/basics";
import { useEventTitles } from "../parts/DeliveryRows";
import { LazyEditor } from "../parts/LazyEditor";
import { useMayChange } from "../session";

export function EventsPage() {
  const t = useT();
  const { tenant } = useParams({ from: "/t/$tenant/events" });
  const mayChange = useMayChange();
  const [sending, { open, close }] = useDisclosure();
  const [type, setType] = useState("");
  const [contract, setContract] = useState<string | null>(null);
  const settled = useSettled(type.trim());
  const filter = { ...(settled ? { type: settled } : {}), ...(contract ? { contract } : {}) };
  const list = useInfiniteQuery({ ...eventsQuery(tenant, filter), refetchInterval: (q) => ((q.state.data?.pages.length ?? 0) > 1 ? false : 10_000) });
  const contracts = useQuery(contractsQuery(t.code as Language));
  const titles = useEventTitles();
  const items = list.data?.pages.flatMap((p) => p.items) ?? [];
  const filtered = Object.keys(filter).length > 0;
  const send = mayChange && <Button leftSection={<IconSend size={16} />} onClick={open}>{t.events.send}</Button>;
  return (
    <>
      <PageHead title={t.events.title} text={t.events.text}>{(items.length > 0 || filtered) && send}</PageHead>
      <Group mb="md" gap="sm" role="search" className="filters">
        <TextInput aria-label={t.common.type} placeholder={t.common.type} value={type} onChange={(e) => setType(e.currentTarget.value)} w={220} spellCheck={false} />
        <Select aria-label={t.events.contract} placeholder={t.events.contract} w={240} clearable value={contract} onChange={setContract} data={(contracts.data ?? []).map((c) => ({ value: c.name, label: c.title }))} />
      </Group>
      <Trouble error={list.error} retry={() => void list.refetch()} />
      {!list.error && (
        <Paper>
          {list.isPending ? <Skeletons /> : items.length === 0 && !list.hasNextPage ? (
            filtered ? <Empty icon={<IconFilterOff size={40} stroke={1.5} />} title={t.deliveries.emptyFilter} text={t.deliveries.emptyFilterText} />
              : <Empty icon={<IconWebhook size={40} stroke={1.5} />} title={t.events.empty} text={t.events.emptyText}>{send}</Empty>
          ) : (
            <Table.ScrollContainer minWidth={620} type="native" tabIndex={0}>
              <Table>
                <Table.Thead><Table.Tr><Table.Th>{t.common.type}</Table.Th><Table.Th>{t.common.time}</Table.Th><Table.Th>{t.events.contract}</Table.Th><Table.Th>{t.events.source}</Table.Th><Table.Th>Id</Table.Th></Table.Tr></Table.Thead>
                <Table.Tbody>
                  {items.map((e) => (
                    <Table.Tr key={e.id}>
                      <Table.Td><Anchor component={Link} {...{ to: `/t/${encodeURIComponent(tenant)}/events/${e.id}` }} fw={550} size="sm">{titles(e.contract, e.type)}</Anchor></Table.Td>
                      <Table.Td><Text size="sm"><Time at={e.created_at} /></Text></Table.Td>
                      <Table.Td><Text size="sm">{contracts.data?.find((c) => c.name === e.contract)?.title ?? e.contract}</Text></Table.Td>
                      <Table.Td><Text size="sm">{t.events.sources[e.source] ?? e.source}</Text></Table.Td>
                      <Table.Td className="mono" maw={260}><Text inherit className="clip">{e.external_id || e.id}</Text></Table.Td>
                    </Table.Tr>
                  ))}
                </Table.Tbody>
              </Table>
            </Table.ScrollContainer>
          )}
        </Paper>
      )}
      {list.hasNextPage && <Button variant="default" mt="md" loading={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>{t.common.more}</Button>}
      {sending && <SendEvent tenant={tenant} onClose={close} />}
    </>
  );
}

function SendEvent({ tenant, onClose }: { tenant: string; onClose: () => void }) {
  const t = useT();
  const go = useNavigate();
  const contracts = useQuery(contractsQuery(t.code as Language));
  const [contract, setContract] = useState("standard");
  const detail = useQuery(contractQuery(contract, t.code as Language));
  const [type, setType] = useState("");
  const events = detail.data?.events.filter((e) => e.name !== "*") ?? [];
  const chosen = events.find((e) => e.name === type) ?? (events.length > 0 ? events[0] : undefined);
  const example = chosen?.example ?? '{\n  "order": 42\n}';
  const [payload, setPayload] = useState<string>();
  const send = useMutation({
    mutationFn: async () => {
      const text = payload ?? example;
      try {
        JSON.parse(text);
      } catch {
        throw new Error(t.events.notJson);
      }
      // The payload goes as it was typed: numbers and escapes as they stand.
      const head = JSON.stringify({ contract, type: chosen?.name ?? type.trim() });
      return (await ok(api.POST("/v1/tenants/{tenant}/events", {
        params: { path: { tenant } },
        body: { type: "" } as never,
        bodySerializer: () => `${head.slice(0, -1)},"payload":${text}}`,
        headers: { "Content-Type": "application/json" },
      }))) as { id: string; deliveries: number };
    },
    onSuccess: (answer) => {
      notifications.show({ message: t.events.sent(answer.deliveries) });
      void queryClient.invalidateQueries({ queryKey: ofTenant(tenant) });
      void go({ to: "/t/$tenant/events/$event", params: { tenant, event: answer.id } });
    },
  });
  return (
    <Modal opened onClose={onClose} size="lg" title={<Text fw={620}>{t.events.sendTitle}</Text>} centered closeButtonProps={{ "aria-label": t.common.close }}>
      <form onSubmit={(e) => {
        e.preventDefault();
        send.mutate();
      }}>
        <Stack>
          <Text size="sm" c="dimmed">{t.events.sendText}</Text>
          <Select label={t.events.contract} data={(contracts.data ?? []).map((c) => ({ value: c.name, label: c.title }))} value={contract} allowDeselect={false}
            onChange={(v) => {
              if (!v) return;
              setContract(v);
              setType("");
              setPayload(undefined);
            }} />
          {events.length > 0 ? (
            <Select label={t.events.type} data={events.map((e) => ({ value: e.name, label: e.title || e.name }))} value={chosen?.name ?? null} searchable allowDeselect={false}
              onChange={(v) => {
                setType(v ?? "");
                setPayload(undefined);
              }} />
          ) : (
            <TextInput label={t.events.type} required placeholder="order.paid" value={type} onChange={(e) => setType(e.currentTarget.value)} />
          )}
          <div>
            <Text size="sm" fw={500} mb={4}>{t.events.payload}</Text>
            {detail.data && <LazyEditor key={`${contract} ${chosen?.name}`} first={example} language="json" label={t.events.payload} onChange={setPayload} height="38dvh" />}
          </div>
          <Trouble error={send.error ?? detail.error} />
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>{t.common.cancel}</Button>
            <Button type="submit" loading={send.isPending} leftSection={<IconSend size={16} />}>{t.events.send}</Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
