// The history of a tenant's deliveries, narrowed by what one looks for. The
// filters are in the address, so that what is found can be sent to a colleague.
import { ActionIcon, Button, Group, Select, Text, TextInput, Tooltip } from "@mantine/core";
import { IconFilterOff } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { useEffect, useMemo, useState } from "react";
import type { Delivery } from "../api/client";
import { contractsQuery, type DeliveryFilter, endpointsQuery } from "../api/queries";
import { localTime, number } from "../format";
import { type Language, useT } from "../i18n";
import { BulkDialog, type BulkInput, BulkLines, bulkOf } from "../parts/Bulk";
import { PageHead, useSettled } from "../parts/basics";
import { DeliveryRows, Row, useEventTitles } from "../parts/DeliveryRows";
import { LiveMark } from "../parts/Live";
import { PayloadSearch } from "../parts/PayloadSearch";
import { SavedFilters } from "../parts/SavedFilters";
import { useMay } from "../session";

const states = ["pending", "sending", "retrying", "delivered", "failed", "unknown", "cancelled"] as const;

const periods = ["hour", "today", "yesterday", "week"] as const;
const waiting = "pending,retrying";

/** The two ends of a period, by the clock and the days of whoever looks. */
function spanOf(period: string | undefined): { since?: string; until?: string } {
  const midnight = new Date();
  midnight.setHours(0, 0, 0, 0);
  const before = new Date(midnight);
  before.setDate(before.getDate() - 1);
  switch (period) {
    case "hour":
      return { since: new Date(Date.now() - 3_600_000).toISOString() };
    case "today":
      return { since: midnight.toISOString() };
    case "yesterday":
      return { since: before.toISOString(), until: midnight.toISOString() };
    case "week":
      return { since: new Date(Date.now() - 7 * 86_400_000).toISOString() };
  }
  return {};
}

export function DeliveriesPage() {
  const t = useT();
  const go = useNavigate();
  const { tenant } = useParams({ from: "/t/$tenant/deliveries" });
  const search = useSearch({ from: "/t/$tenant/deliveries" });
  const endpoints = useQuery(endpointsQuery(tenant));
  const set = (change: Partial<DeliveryFilter>) =>
    void go({ to: ".", search: (old: DeliveryFilter) => ({ ...old, ...change }), replace: true });
  const chosen = Object.fromEntries(Object.entries(search).filter(([, v]) => v !== undefined)) as DeliveryFilter;
  const period = useMemo(() => spanOf(search.period), [search.period]);
  const filter: DeliveryFilter = { ...chosen, ...period, period: undefined };
  const count = Object.keys(chosen).length;
  const filtered = count > 0;
  const mayRetry = useMay("retry");
  const contracts = useQuery(contractsQuery(t.code as Language));
  const titles = useEventTitles();
  const [folded, setFolded] = useState(true);
  const [text, setText] = useState<string>(); // it can be a person's, so it is not in the address
  const [picked, setPicked] = useState<Map<string, Delivery>>(new Map());
  const [all, setAll] = useState(false);
  const [bulk, setBulk] = useState<BulkInput>();
  const place = JSON.stringify([chosen, text]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: what is selected belongs to one list
  useEffect(() => {
    setPicked(new Map());
    setAll(false);
  }, [place]);
  const picks = mayRetry
    ? {
        has: (d: Delivery) => all || picked.has(d.id),
        toggle: (d: Delivery) => {
          setAll(false);
          setPicked((old) => {
            const next = new Map(old);
            if (!next.delete(d.id)) next.set(d.id, d);
            return next;
          });
        },
      }
    : undefined;
  const begin = (action: BulkInput["action"]) =>
    setBulk(all ? bulkOf(action, filter, text) : { action, deliveries: [...picked.keys()] });
  const named = (id: string) => endpoints.data?.find((e) => e.id === id);
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
      <Group mb="sm" gap="sm">
        <Button variant="default" hiddenFrom="sm" aria-expanded={!folded} onClick={() => setFolded(!folded)}>
          {t.deliveries.filters(String(count + (text ? 1 : 0)))}
        </Button>
        <SavedFilters
          tenant={tenant}
          filter={chosen}
          onChoose={(f) => void go({ to: ".", search: f, replace: true })}
        />
      </Group>
      <Group mb="md" gap="sm" align="flex-end" role="search" className="filters" data-folded={folded}>
        <Select
          aria-label={t.common.state}
          placeholder={t.common.state}
          w={190}
          clearable
          value={search.state ?? null}
          data={[
            ...states.map((s) => ({ value: s as string, label: t.deliveryState[s] })),
            { value: waiting, label: `${t.deliveryState.pending} + ${t.deliveryState.retrying}` },
          ]}
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
        <Typed label={t.deliveries.contains} value={text} placeholder={t.deliveries.contains} onSettle={setText} wide />
        {(contracts.data?.length ?? 0) > 1 && (
          <Select
            aria-label={t.deliveries.contract}
            placeholder={t.deliveries.contract}
            w={190}
            clearable
            searchable
            value={search.contract ?? null}
            data={(contracts.data ?? []).map((c) => ({ value: c.name, label: c.title || c.name }))}
            onChange={(v) => set({ contract: v ?? undefined })}
          />
        )}
        <Select
          aria-label={t.deliveries.period}
          placeholder={t.deliveries.period}
          w={190}
          clearable
          value={search.period ?? null}
          data={periods.map((p) => ({ value: p as string, label: t.deliveries.periods[p] }))}
          onChange={(v) => set({ period: v ?? undefined, since: undefined, until: undefined })}
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
              set({
                period: undefined,
                [k]: e.currentTarget.value ? new Date(e.currentTarget.value).toISOString() : undefined,
              })
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
      <BulkLines tenant={tenant} />
      {mayRetry && (
        <Group mb="sm" gap="sm" role="group" aria-label={t.deliveries.selectAll}>
          {all || picked.size > 0 ? (
            <>
              <Text size="sm" fw={600} aria-live="polite">
                {all ? t.deliveries.allSelected : t.deliveries.selected(number(picked.size, t.locale))}
              </Text>
              <Button size="xs" onClick={() => begin("retry")}>
                {t.bulk.retry}
              </Button>
              <Button size="xs" variant="light" color="red" onClick={() => begin("cancel")}>
                {t.bulk.cancel}
              </Button>
              <Button
                size="xs"
                variant="subtle"
                onClick={() => {
                  setAll(false);
                  setPicked(new Map());
                }}
              >
                {t.deliveries.unselect}
              </Button>
            </>
          ) : null}
          {!all && (
            <Button size="xs" variant="default" onClick={() => setAll(true)}>
              {t.deliveries.selectAll}
            </Button>
          )}
        </Group>
      )}
      {bulk && <BulkDialog tenant={tenant} input={bulk} onClose={() => setBulk(undefined)} />}
      {text ? (
        <PayloadSearch
          key={place}
          tenant={tenant}
          filter={filter}
          text={text}
          row={(d) => (
            <Row
              delivery={d}
              tenant={tenant}
              title={titles(named(d.endpoint)?.contract, d.type)}
              endpoint={named(d.endpoint)?.name || named(d.endpoint)?.url || t.deliveries.gone}
              picked={picks?.has(d)}
              onPick={picks?.toggle}
            />
          )}
        />
      ) : (
        <DeliveryRows
          key={JSON.stringify(filter)}
          tenant={tenant}
          picks={picks}
          filter={filter}
          onClear={filtered ? () => void go({ to: ".", search: {}, replace: true }) : undefined}
          action={
            <Button component={Link} {...{ to: `/t/${encodeURIComponent(tenant)}/endpoints` }} variant="default">
              {t.endpoints.title}
            </Button>
          }
        />
      )}
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
