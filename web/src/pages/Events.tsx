// What happened: events, newest first, and one by hand.
import { Anchor, Button, Group, Modal, Select, Stack, Text, TextInput } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { notifications } from "@mantine/notifications";
import { IconFilterOff, IconSend, IconWebhook } from "@tabler/icons-react";
import { useInfiniteQuery, useMutation, useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useParams } from "@tanstack/react-router";
import { useState } from "react";
import { raw, type Schemas } from "../api/client";
import { contractQuery, contractsQuery, eventsQuery, ofTenant, queryClient } from "../api/queries";
import { type Language, useT } from "../i18n";
import { detailOf, Empty, PageHead, Time, Trouble, useSettled } from "../parts/basics";
import { useEventTitles } from "../parts/DeliveryRows";
import { LazyEditor } from "../parts/LazyEditor";
import { itemsOf, Listing } from "../parts/Listing";
import { Omissions } from "../parts/Omissions";
import { useMay } from "../session";

export function EventsPage() {
  const t = useT();
  const { tenant } = useParams({ from: "/t/$tenant/events" });
  const mayChange = useMay("publish");
  const [sending, { open, close }] = useDisclosure();
  const [type, setType] = useState("");
  const [contract, setContract] = useState<string | null>(null);
  const settled = useSettled(type.trim());
  const filter = { ...(settled ? { type: settled } : {}), ...(contract ? { contract } : {}) };
  const list = useInfiniteQuery({
    ...eventsQuery(tenant, filter),
    refetchInterval: (q) => ((q.state.data?.pages.length ?? 0) > 1 ? false : 10_000),
  });
  const contracts = useQuery(contractsQuery(t.code as Language));
  const titles = useEventTitles();
  const filtered = Object.keys(filter).length > 0;
  const send = mayChange && (
    <Button leftSection={<IconSend size={16} />} onClick={open}>
      {t.events.send}
    </Button>
  );
  return (
    <>
      <PageHead title={t.events.title} text={t.events.text}>
        {(itemsOf(list).length > 0 || filtered) && send}
      </PageHead>
      <Group mb="md" gap="sm" role="search" className="filters">
        <TextInput
          aria-label={t.common.type}
          placeholder={t.common.type}
          value={type}
          onChange={(e) => setType(e.currentTarget.value)}
          w={220}
          spellCheck={false}
        />
        <Select
          aria-label={t.events.contract}
          placeholder={t.events.contract}
          w={240}
          clearable
          value={contract}
          onChange={setContract}
          data={(contracts.data ?? []).map((c) => ({ value: c.name, label: c.title }))}
        />
      </Group>
      <Omissions tenant={tenant} filter={filter} />
      <Listing
        list={list}
        id={(e) => e.id}
        width={620}
        empty={
          filtered ? (
            <Empty
              icon={<IconFilterOff size={40} stroke={1.5} />}
              title={t.deliveries.emptyFilter}
              text={t.deliveries.emptyFilterText}
            />
          ) : (
            <Empty icon={<IconWebhook size={40} stroke={1.5} />} title={t.events.empty} text={t.events.emptyText}>
              {send}
            </Empty>
          )
        }
        columns={[
          {
            label: t.common.type,
            cell: (e) => (
              <Anchor
                component={Link}
                {...{ to: `/t/${encodeURIComponent(tenant)}/events/${e.id}` }}
                fw={550}
                size="sm"
              >
                {titles(e.contract, e.type)}
              </Anchor>
            ),
          },
          { label: t.common.time, cell: (e) => <Time at={e.created_at} /> },
          {
            label: t.events.contract,
            cell: (e) => contracts.data?.find((c) => c.name === e.contract)?.title ?? e.contract,
          },
          { label: t.events.source, cell: (e) => t.events.sources[e.source] ?? e.source },
          {
            label: "Id",
            className: "mono",
            clip: 260,
            cell: (e) => (
              <Text inherit className="clip">
                {e.external_id || e.id}
              </Text>
            ),
          },
        ]}
      />
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
      const answer = await raw(`/v1/tenants/${encodeURIComponent(tenant)}/events`, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: `${head.slice(0, -1)},"payload":${text}}`,
      });
      return (await answer.json()) as Schemas["EventAnswer"];
    },
    onSuccess: (answer) => {
      notifications.show({
        message: answer.hint
          ? detailOf({ code: answer.hint_code, params: answer.hint_params, detail: answer.hint }, t)
          : t.events.sent(answer.deliveries),
        autoClose: answer.hint ? 15_000 : undefined,
      });
      void queryClient.invalidateQueries({ queryKey: ofTenant(tenant) });
      void go({ to: "/t/$tenant/events/$event", params: { tenant, event: answer.id } });
    },
  });
  return (
    <Modal
      opened
      onClose={onClose}
      size="lg"
      title={<Text fw={620}>{t.events.sendTitle}</Text>}
      centered
      closeButtonProps={{ "aria-label": t.common.close }}
    >
      <form
        noValidate
        onSubmit={(e) => {
          e.preventDefault();
          send.mutate();
        }}
      >
        <Stack>
          <Text size="sm" c="dimmed">
            {t.events.sendText}
          </Text>
          <Select
            label={t.events.contract}
            data={(contracts.data ?? []).map((c) => ({ value: c.name, label: c.title }))}
            value={contract}
            allowDeselect={false}
            onChange={(v) => {
              if (!v) return;
              setContract(v);
              setType("");
              setPayload(undefined);
            }}
          />
          {events.length > 0 ? (
            <Select
              label={t.events.type}
              data={events.map((e) => ({ value: e.name, label: e.title || e.name }))}
              value={chosen?.name ?? null}
              searchable
              allowDeselect={false}
              onChange={(v) => {
                setType(v ?? "");
                setPayload(undefined);
              }}
            />
          ) : (
            <TextInput
              label={t.events.type}
              required
              placeholder="order.paid"
              value={type}
              onChange={(e) => setType(e.currentTarget.value)}
            />
          )}
          <div>
            <Text size="sm" fw={500} mb={4}>
              {t.events.payload}
            </Text>
            {detail.data && (
              <LazyEditor
                key={`${contract} ${chosen?.name}`}
                first={example}
                language="json"
                label={t.events.payload}
                onChange={setPayload}
                height="38dvh"
              />
            )}
          </div>
          <Trouble error={send.error ?? detail.error} />
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              {t.common.cancel}
            </Button>
            <Button type="submit" loading={send.isPending} leftSection={<IconSend size={16} />}>
              {t.events.send}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
