// The history: however many deliveries there are, only those in sight are drawn
// and held, and pages are asked for as one comes near them.
import { Box, Button, Group, Loader, Paper, Text } from "@mantine/core";
import { IconFilterOff, IconSend } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useVirtualizer } from "@tanstack/react-virtual";
import { memo, type ReactNode, useEffect, useMemo, useRef, useState } from "react";
import type { Delivery } from "../api/client";
import { contractsQuery, type DeliveryFilter, deliveriesQuery, endpointsQuery } from "../api/queries";
import { exactTime } from "../format";
import { type Language, useT } from "../i18n";
import { Empty, Skeletons, StateBadge, Time, Tone, Trouble } from "./basics";
import { usePages } from "./pages";

const wideRow = 44;
const narrowRow = 118;

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

/** Which deliveries are selected. */
export interface Picks {
  has: (d: Delivery) => boolean;
  toggle: (d: Delivery) => void;
}

export function DeliveryRows({
  tenant,
  filter,
  hideEndpoint,
  onClear,
  action,
  picks,
}: {
  tenant: string;
  filter: DeliveryFilter;
  hideEndpoint?: boolean;
  onClear?: () => void;
  action?: ReactNode;
  picks?: Picks;
}) {
  const t = useT();
  const endpoints = useQuery(endpointsQuery(tenant));
  const titles = useEventTitles();
  const known = useMemo(() => new Map(endpoints.data?.map((e) => [e.id, e])), [endpoints.data]);
  const narrow = useNarrow();
  const height = narrow ? narrowRow : wideRow;
  const box = useRef<HTMLDivElement>(null);
  const [{ startIndex: first, endIndex: last }, look] = useState({ startIndex: 0, endIndex: 0 });
  const list = usePages((cursor) => deliveriesQuery(tenant, filter, cursor), first, last);
  const rows = useVirtualizer({
    count: list.known + (list.more ? 1 : 0),
    getScrollElement: () => box.current,
    estimateSize: () => height,
    overscan: 12,
    onChange: ({ range }) =>
      range && look((old) => (old.startIndex === range.startIndex && old.endIndex === range.endIndex ? old : range)),
  });
  // biome-ignore lint/correctness/useExhaustiveDependencies: the rows are measured anew when their height changes
  useEffect(() => rows.measure(), [height]);
  const isFresh = useFresh(list.head?.data?.items);

  if (list.head?.error && !list.head.data)
    return <Trouble error={list.head.error} retry={() => void list.head?.refetch()} />;
  if (!list.head?.data)
    return (
      <Paper>
        <Skeletons rows={8} />
      </Paper>
    );
  if (list.known === 0 && !list.more) {
    return (
      <Paper>
        {onClear ? (
          <Empty
            icon={<IconFilterOff size={40} stroke={1.5} />}
            title={t.deliveries.emptyFilter}
            text={t.deliveries.emptyFilterText}
          >
            <Button variant="default" onClick={onClear}>
              {t.common.clear}
            </Button>
          </Empty>
        ) : (
          <Empty icon={<IconSend size={40} stroke={1.5} />} title={t.deliveries.empty} text={t.deliveries.emptyText}>
            {action}
          </Empty>
        )}
      </Paper>
    );
  }
  return (
    <Paper style={{ overflow: "hidden" }}>
      <div className={picks ? "row row-head picking" : "row row-head"} aria-hidden>
        <span>{t.common.state}</span>
        <span>{t.deliveries.event}</span>
        <span>{hideEndpoint ? "" : t.deliveries.endpoint}</span>
        <span>{t.deliveries.reason}</span>
        <span>{t.deliveries.attempts}</span>
        <span>{t.common.time}</span>
      </div>
      <div ref={box} className="rows" tabIndex={0} role="region" aria-label={t.deliveries.title}>
        <div style={{ height: rows.getTotalSize(), position: "relative" }} role="list">
          {rows.getVirtualItems().map((v) => {
            const style = {
              position: "absolute",
              top: 0,
              left: 0,
              width: "100%",
              transform: `translateY(${v.start}px)`,
              height,
            } as const;
            if (v.index === list.known && list.more === "elsewhere") {
              return (
                <Group key="older" style={style} justify="center">
                  <Older tenant={tenant} filter={filter} before={list.row(v.index - 1).item} />
                </Group>
              );
            }
            const { item: d, page } = list.row(v.index);
            if (!d) {
              return (
                <Group key={`row ${v.index}`} style={style} justify="center" aria-busy={!page?.isError}>
                  {page?.isError ? (
                    <Button size="compact-xs" variant="default" onClick={() => void page.refetch()}>
                      {t.common.retry}
                    </Button>
                  ) : (
                    <Loader size="xs" aria-label={t.common.loading} />
                  )}
                </Group>
              );
            }
            return (
              <div
                role="listitem"
                key={d.id}
                style={style}
                aria-posinset={v.index + 1}
                aria-setsize={list.more ? -1 : list.known}
              >
                <Row
                  picked={picks?.has(d)}
                  onPick={picks?.toggle}
                  delivery={d}
                  tenant={tenant}
                  fresh={isFresh(d)}
                  ended={filter.by === "ended"}
                  title={titles(known.get(d.endpoint)?.contract, d.type)}
                  endpoint={
                    hideEndpoint
                      ? undefined
                      : endpoints.data
                        ? known.get(d.endpoint)?.name || known.get(d.endpoint)?.url || t.deliveries.gone
                        : ""
                  }
                />
              </div>
            );
          })}
        </div>
      </div>
    </Paper>
  );
}

/** One delivery. It can be selected if onPick is given. */
export const Row = memo(function Row({
  picked,
  onPick,
  delivery: d,
  tenant,
  title,
  endpoint,
  fresh,
  ended,
}: {
  delivery: Delivery;
  tenant: string;
  title: string;
  endpoint?: string;
  fresh?: boolean;
  picked?: boolean;
  onPick?: (d: Delivery) => void;
  ended?: boolean; // shows when it ended, not when its event was made
}) {
  const t = useT();
  const why =
    d.next_attempt_at && d.state === "retrying" && Date.parse(d.next_attempt_at) > Date.now() ? (
      <>
        {t.deliveries.next} <Time at={d.next_attempt_at} />
      </>
    ) : d.reason ? (
      (t.reason[d.reason] ?? d.reason)
    ) : (
      ""
    );
  const link = (
    <Link
      to="/t/$tenant/deliveries/$delivery"
      params={{ tenant, delivery: d.id }}
      className={`row${fresh ? " fresh" : ""}${onPick ? " picking" : ""}`}
      preload={false}
    >
      <span>{d.held ? <Tone color="red">{t.delivery.held}</Tone> : <StateBadge state={d.state} />}</span>
      <span className="clip" title={d.type}>
        {title}
        {d.test && (
          <Text span size="xs" c="dimmed">
            {" "}
            · {t.deliveries.test}
          </Text>
        )}
      </span>
      <span className="clip wide">{endpoint}</span>
      <span className="clip wide">
        <Text span size="sm" c="dimmed">
          {why}
        </Text>
      </span>
      <span className="number wide">{d.attempts}</span>
      <Box component="span" c="dimmed" fz="sm">
        <Time at={(ended && d.finished_at) || d.created_at} />
      </Box>
    </Link>
  );
  if (!onPick) return link;
  return (
    <>
      <input
        type="checkbox"
        className="pick"
        checked={picked}
        aria-label={t.deliveries.select(`${title} ${exactTime(d.created_at, t.locale)}`)}
        onChange={() => onPick(d)}
      />
      {link}
    </>
  );
});

/** What people call an event type: the contract's title of it, else its name. */
export function useEventTitles() {
  const t = useT();
  const contracts = useQuery(contractsQuery(t.code as Language));
  return (contract: string | undefined, type: string) =>
    contracts.data?.find((c) => c.name === contract)?.event_types.find((x) => x.name === type)?.title || type;
}

/** Goes on where one list ends, in one of its own. */
function Older({ tenant, filter, before }: { tenant: string; filter: DeliveryFilter; before?: Delivery }) {
  const t = useT();
  if (!before) return null;
  const until = new Date(Date.parse(before.created_at) + 1).toISOString();
  return (
    <Button
      component={Link}
      {...({ to: "/t/$tenant/deliveries", params: { tenant }, search: { ...filter, until } } as object)}
      size="compact-sm"
      variant="default"
    >
      {t.deliveries.older}
    </Button>
  );
}

/** Tells which deliveries came lately, after the first look. */
function useFresh(newest: Delivery[] | undefined): (d: Delivery) => boolean {
  const first = useRef<number>(undefined);
  if (newest) first.current ??= Date.parse(newest[0]?.created_at ?? "1970-01-01");
  return (d) => {
    const at = Date.parse(d.created_at);
    return at > (first.current ?? at) && Date.now() - at < 60_000;
  };
}
