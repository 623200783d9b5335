// The history of a tenant's deliveries, narrowed by what one looks for. The
// filters are in the address, so that what is found can be sent to a colleague.
import { ActionIcon, Button, Group, Select, Text, TextInput, Tooltip } from "@mantine/core";
import { IconFilterOff } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { type DeliveryFilter, endpointsQuery } from "../api/queries";
import { localTime } from "../format";
import { useT } from "../i18n";
import { PageHead, useSettled } from "../parts/basics";
import { DeliveryRows } from "../parts/DeliveryRows";
import { LiveMark } from "../parts/Live";

const states = ["pending", "sending", "retrying", "delivered", "failed", "unknown", "cancelled"] as const;

export function DeliveriesPage() {
  const t = useT();
  const go = useNavigate();
  const { tenant } = useParams({ from: "/t/$tenant/deliveries" });
  const search = useSearch({ from: "/t/$tenant/deliveries" });
  const endpoints = useQuery(endpointsQuery(tenant));
  const set = (change: Partial<DeliveryFilter>) =>
    void go({ to: ".", search: (old: DeliveryFilter) => ({ ...old, ...change }), replace: true });
  const filter = Object.fromEntries(Object.entries(search).filter(([, v]) => v !== undefined)) as DeliveryFilter;
  const filtered = Object.keys(filter).length > 0;
  const find = (id: string) => {
    const v = id.trim();
    if (v.startsWith("dlv_")) void go({ to: "/t/$tenant/deliveries/$delivery", params: { tenant, delivery: v } });
    else set({ event: v || undefined });
  };
  return (
    <>
      <PageHead title={t.deliveries.title} text={t.deliveries.text}>
        <LiveMark />
      </PageHead>
      <Group mb="md" gap="sm" align="flex-end" role="search" className="filters">
        <Select
          aria-label={t.common.state}
          placeholder={t.common.state}
          w={190}
          clearable
          value={search.state ?? null}
          data={states.map((s) => ({ value: s, label: t.deliveryState[s] }))}
          onChange={(v) => set({ state: v ?? undefined })}
        />
        <Select
          aria-label={t.deliveries.endpoint}
          placeholder={t.deliveries.endpoint}
          w={190}
          clearable
          searchable
          value={search.endpoint ?? null}
          data={(endpoints.data ?? []).map((e) => ({ value: e.id, label: e.name || e.url }))}
          onChange={(v) => set({ endpoint: v ?? undefined })}
        />
        <Typed
          label={t.common.type}
          value={search.type}
          placeholder={t.common.type}
          onSettle={(v) => set({ type: v })}
        />
        <Typed
          label={t.deliveries.findId}
          value={search.event}
          placeholder={t.deliveries.findId}
          onSettle={(v) => find(v ?? "")}
          wide
        />
        {(["since", "until"] as const).map((k) => (
          <TextInput
            key={k}
            aria-label={t.deliveries[k]}
            leftSection={
              <Text size="xs" c="dimmed">
                {t.deliveries[k]}
              </Text>
            }
            leftSectionWidth={52}
            leftSectionPointerEvents="none"
            type="datetime-local"
            w={230}
            className="long"
            value={search[k] ? localTime(new Date(search[k])) : ""}
            onChange={(e) =>
              set({ [k]: e.currentTarget.value ? new Date(e.currentTarget.value).toISOString() : undefined })
            }
          />
        ))}
        {(search.by || search.since || search.until) && (
          <Select
            aria-label={t.deliveries.by}
            w={190}
            allowDeselect={false}
            value={search.by ?? "made"}
            data={[
              { value: "made", label: t.deliveries.byMade },
              { value: "ended", label: t.deliveries.byEnded },
            ]}
            onChange={(v) => set({ by: v === "ended" ? v : undefined })}
          />
        )}
        {filtered && (
          <Tooltip label={t.common.clear}>
            <ActionIcon
              size="lg"
              variant="default"
              aria-label={t.common.clear}
              onClick={() => void go({ to: ".", search: {}, replace: true })}
            >
              <IconFilterOff size={18} />
            </ActionIcon>
          </Tooltip>
        )}
      </Group>
      <DeliveryRows
        key={JSON.stringify(filter)}
        tenant={tenant}
        filter={filter}
        onClear={filtered ? () => void go({ to: ".", search: {}, replace: true }) : undefined}
        action={
          <Button component={Link} {...{ to: `/t/${encodeURIComponent(tenant)}/endpoints` }} variant="default">
            {t.endpoints.title}
          </Button>
        }
      />
    </>
  );
}

/** A text that takes effect a moment after the typing stops. */
function Typed({
  label,
  value,
  placeholder,
  onSettle,
  wide,
}: {
  label: string;
  value?: string;
  placeholder: string;
  onSettle: (v: string | undefined) => void;
  wide?: boolean;
}) {
  const [text, setText] = useState(value ?? "");
  const settled = useSettled(text, 400);
  useEffect(() => setText(value ?? ""), [value]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: only typing changes the filter, not a new render
  useEffect(() => {
    const v = settled.trim() || undefined;
    if (v !== value) onSettle(v);
  }, [settled]);
  return (
    <TextInput
      aria-label={label}
      placeholder={placeholder}
      value={text}
      w={wide ? 220 : 150}
      className={wide ? "long" : undefined}
      onChange={(e) => setText(e.currentTarget.value)}
      spellCheck={false}
    />
  );
}
