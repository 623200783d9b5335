// The history: however many deliveries there are, only those in sight are drawn,
// and pages are asked for as one comes near their end.
import { Box, Button, Group, Loader, Paper, Text } from "@mantine/core";
import { IconFilterOff, IconSend } from "@tabler/icons-react";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useVirtualizer } from "@tanstack/react-virtual";
import { type ReactNode, useEffect, useMemo, useRef, useState } from "react";
import type { Delivery } from "../api/client";
import { contractsQuery, type DeliveryFilter, deliveriesQuery, endpointsQuery } from "../api/queries";
import { type Language, useT } from "../i18n";
import { Empty, Skeletons, StateBadge, Time, Trouble } from "./basics";

const wideRow = 44;
const narrowRow = 64;

function useNarrow() {
  const query = "(max-width: 48em)";
  const [narrow, set] = useState(() => matchMedia(query).matches);
  useEffect(() => {
    const m = matchMedia(query);
    const f = () => set(m.matches);
    m.addEventListener("change", f);
    return () => m.removeEventListener("change", f);
  }, []);
  return narrow;
}

export function DeliveryRows({ tenant, filter, hideEndpoint, onClear, action }: { tenant: string; filter: DeliveryFilter; hideEndpoint?: boolean; onClear?: () => void; action?: ReactNode }) {
  const t = useT();
  const list = useInfiniteQuery({ ...deliveriesQuery(tenant, filter), refetchInterval: (q) => ((q.state.data?.pages.length ?? 0) > 1 ? false : 10_000) });
  const endpoints = useQuery({ ...endpointsQuery(tenant), });
  const titles = useEventTitles();
  const known = useMemo(() => new Map(endpoints.data?.map((e) => [e.id, e])), [endpoints.data]);
  const items = useMemo(() => list.data?.pages.flatMap((p) => p.items) ?? [], [list.data]);
  const narrow = useNarrow();
  const height = narrow ? narrowRow : wideRow;
  const box = useRef<HTMLDivElement>(null);
  const rows = useVirtualizer({ count: items.length + (list.hasNextPage ? 1 : 0), getScrollElement: () => box.current, estimateSize: () => height, overscan: 12 });
  useEffect(() => rows.measure(), [height]);
  const visible = rows.getVirtualItems();
  const last = visible.at(-1)?.index ?? 0;
  const { hasNextPage, isFetchingNextPage, fetchNextPage, isError } = list;
  useEffect(() => {
    // A page may be short, even empty, although more follow; so this may go on for a few.
    if (hasNextPage && !isFetchingNextPage && !isError && last >= items.length - 30) void fetchNextPage();
  }, [last, items.length, hasNextPage, isFetchingNextPage, isError, fetchNextPage]);
  const fresh = useFresh(items);

  if (list.error && items.length === 0) return <Trouble error={list.error} retry={() => void list.refetch()} />;
  if (list.isPending) return <Paper><Skeletons rows={8} /></Paper>;
  if (items.length === 0 && !list.hasNextPage) {
    return (
      <Paper>
        {onClear ? (
          <Empty icon={<IconFilterOff size={40} stroke={1.5} />} title={t.deliveries.emptyFilter} text={t.deliveries.emptyFilterText}><Button variant="default" onClick={onClear}>{t.common.clear}</Button></Empty>
        ) : (
          <Empty icon={<IconSend size={40} stroke={1.5} />} title={t.deliveries.empty} text={t.deliveries.emptyText}>{action}</Empty>
        )}
      </Paper>
    );
  }
  return (
    <Paper style={{ overflow: "hidden" }}>
      <div className="row row-head" aria-hidden>
        <span>{t.common.state}</span><span>{t.deliveries.event}</span><span>{hideEndpoint ? "" : t.deliveries.endpoint}</span><span>{t.deliveries.reason}</span><span>{t.deliveries.attempts}</span><span>{t.common.time}</span>
      </div>
      <div ref={box} className="rows" tabIndex={0} role="region" aria-label={t.deliveries.title}>
        <div style={{ height: rows.getTotalSize(), position: "relative" }} role="list">
          {visible.map((v) => {
            const d = items[v.index];
            const style = { position: "absolute", top: 0, left: 0, transform: `translateY(${v.start}px)`, height } as const;
            if (!d) return <Group key="more" style={{ ...style, width: "100%" }} justify="center"><Loader size="xs" aria-label={t.common.loading} /></Group>;
            return (
              <div role="listitem" key={d.id} style={{ ...style, width: "100%" }}>
                <Row delivery={d} tenant={tenant} fresh={fresh.has(d.id)} title={titles(known.get(d.endpoint)?.contract, d.type)}
                  endpoint={hideEndpoint ? undefined : endpoints.data ? known.get(d.endpoint)?.name || known.get(d.endpoint)?.url || t.deliveries.gone : ""} />
              </div>
            );
          })}
        </div>
      </div>
    </Paper>
  );
}

function Row({ delivery: d, tenant, title, endpoint, fresh }: { delivery: Delivery; tenant: string; title: string; endpoint?: string; fresh: boolean }) {
  const t = useT();
  const why = d.next_attempt_at && d.state === "retrying" && Date.parse(d.next_attempt_at) > Date.now() ? <>{t.deliveries.next} <Time at={d.next_attempt_at} /></> : d.reason ? (t.reason[d.reason] ?? d.reason) : "";
  return (
    <Link to="/t/$tenant/deliveries/$delivery" params={{ tenant, delivery: d.id }} className={fresh ? "row fresh" : "row"} preload={false}>
      <span><StateBadge state={d.state} /></span>
      <span className="clip" title={d.type}>{title}{d.test && <Text span size="xs" c="dimmed"> · {t.deliveries.test}</Text>}</span>
      <span className="clip wide">{endpoint}</span>
      <span className="clip wide"><Text span size="sm" c="dimmed">{why}</Text></span>
      <span className="number wide">{d.attempts}</span>
      <Box component="span" c="dimmed" fz="sm"><Time at={d.created_at} /></Box>
    </Link>
  );
}

/** What people call an event type: the contract's title of it, else its name. */
export function useEventTitles() {
  const t = useT();
  const contracts = useQuery(contractsQuery(t.code as Language));
  return (contract: string | undefined, type: string) => contracts.data?.find((c) => c.name === contract)?.event_types.find((x) => x.name === type)?.title || type;
}

/** Which of the items came after the first look. */
function useFresh(items: Delivery[]): Set<string> {
  const seen = useRef<Set<string> | null>(null);
  const fresh = useRef(new Set<string>());
  if (items.length > 0) {
    if (!seen.current) seen.current = new Set(items.map((d) => d.id));
    const newest = items[0]?.created_at ?? "";
    for (const d of items) {
      if (seen.current.has(d.id)) continue;
      seen.current.add(d.id);
      if (Date.parse(newest) - Date.parse(d.created_at) < 60_000) fresh.current.add(d.id);
    }
  }
  return fresh.current;
}
