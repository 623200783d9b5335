// Deliveries over time: a bar for each span, of the deliveries that ended in it, and below them the attempts that failed and
// will be made again. The bar under the pointer or the keyboard, else the newest, is said in words above.
import { Anchor, Group, Paper, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { type KeyboardEvent, type MouseEvent, type RefObject, useEffect, useRef, useState } from "react";
import type { Schemas } from "../api/client";
import { type DeliveryFilter, tenantStatsQuery } from "../api/queries";
import { number, timeSpan } from "../format";
import { useT } from "../i18n";
import type { Messages } from "../i18n/en";
import { Trouble } from "./basics";

/** Numbers of a span of time; until is its end, also if that is still to come. */
export interface Bar {
  at: number; // ms since 1970
  until: number;
  delivered: number;
  failed: number;
  unknown: number;
  cancelled: number;
  retrying: number; // attempts, all others are deliveries
}

/** The ways in which deliveries end, from the bottom of a bar to its top. */
export const ends = ["delivered", "cancelled", "unknown", "failed"] as const;
type End = (typeof ends)[number];

/** Joins points of step seconds to wider bars, so that there are at most so many. The newest point is in the last bar. */
export function barsOf(points: Schemas["StatsPoint"][], step: number, most: number): Bar[] {
  const width = [1, 2, 3, 4, 6, 8, 12, 24].find((k) => points.length % k === 0 && points.length / k <= most) ?? 1;
  const bars: Bar[] = [];
  for (const [i, p] of points.entries()) {
    if (i % width === 0) {
      const at = Date.parse(p.at);
      const until = at + width * step * 1000;
      bars.push({ at, until, delivered: 0, failed: 0, unknown: 0, cancelled: 0, retrying: 0 });
    }
    const bar = bars.at(-1) as Bar;
    for (const k of [...ends, "retrying"] as const) bar[k] += p[k];
  }
  return bars;
}

/** The list of the deliveries of a bar; with a state, only of those that ended so. */
export const linkTo = (tenant: string, bar: Pick<Bar, "at" | "until">, state?: End) => ({
  to: "/t/$tenant/deliveries" as const,
  params: { tenant },
  search: {
    since: new Date(bar.at).toISOString(),
    until: new Date(bar.until).toISOString(),
    by: "ended",
    tests: false,
    state,
  } satisfies DeliveryFilter,
});

const ended = (b: Bar) => ends.reduce((sum, k) => sum + b[k], 0);

/** The next round number, and the lines below it. */
function scale(most: number): { top: number; lines: number[] } {
  const size = 10 ** Math.floor(Math.log10(Math.max(most, 4) / 4));
  const step = [1, 2, 5, 10].map((k) => k * size).find((k) => k * 4 >= most) ?? size;
  const n = Math.max(Math.ceil(most / step), 1);
  return { top: n * step, lines: Array.from({ length: n + 1 }, (_, i) => i * step) };
}

/** Texts under the bars: at each round time of this place. left is where it is, from 0 to 1. */
function ticks(bars: Bar[], locale: string, narrow: boolean): { left: number; text: string }[] {
  const minute = 60_000;
  const span = (bars.at(-1)?.until ?? 0) - (bars[0]?.at ?? 0);
  const clock = { hour: "2-digit", minute: "2-digit" } as const;
  const [usual, style]: [number, Intl.DateTimeFormatOptions] =
    span <= 60 * minute
      ? [10 * minute, clock]
      : span <= 24 * 60 * minute
        ? [4 * 60 * minute, clock]
        : [24 * 60 * minute, { weekday: "short", day: "numeric" }];
  const every = narrow ? 2 * usual : usual;
  const format = new Intl.DateTimeFormat(locale, style);
  const ahead = (t: number) => new Date(t).getTimezoneOffset() * minute;
  const slot = (t: number) => Math.floor((t - ahead(t)) / every);
  return bars.flatMap((b, i) => {
    const last = b.until - 1;
    const round = slot(last) * every + ahead(last);
    const left = (i + (round - b.at) / (b.until - b.at)) / bars.length;
    return slot(last) !== slot(b.at - 1) && left < 0.94 ? [{ left, text: format.format(round) }] : [];
  });
}

function useWidth(): [RefObject<HTMLDivElement | null>, number] {
  const box = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(0);
  useEffect(() => {
    const el = box.current;
    if (!el) return undefined;
    const seen = new ResizeObserver(() => setWidth(el.clientWidth));
    seen.observe(el);
    setWidth(el.clientWidth);
    return () => seen.disconnect();
  }, []);
  return [box, width];
}

/** The numbers of a bar that are not zero, in words. */
const said = (bar: Pick<Bar, End>, t: Messages) =>
  ends
    .filter((k) => bar[k] > 0)
    .map((k) => ({ state: k, text: t.overview.count[k](bar[k], number(bar[k], t.locale)) }));

const attempts = (bar: Pick<Bar, "retrying">, t: Messages) =>
  bar.retrying > 0 ? t.overview.count.retrying(bar.retrying, number(bar.retrying, t.locale)) : "";

function when(bar: Bar, t: Messages): string {
  const text = timeSpan(bar.at, bar.until, t.locale);
  return bar.until > Date.now() ? `${text} (${t.overview.soFar})` : text;
}

/** The bars. With a tenant, each leads to its deliveries; without one, to the tenants that they are of. */
export function Chart({
  points,
  step,
  tenant,
}: {
  points: Schemas["StatsPoint"][];
  step: number; // seconds that a point counts
  tenant?: string;
}) {
  const t = useT();
  const [box, width] = useWidth();
  const [active, setActive] = useState<number>(); // the bar that is looked at, by its beginning
  const [chosen, choose] = useState<number>();
  const touch = useRef(false);
  const bars = barsOf(points, step, width > 0 ? Math.floor(width / (width < 480 ? 8 : 6)) : points.length);
  const newest = bars.length - 1;
  const at = bars.findIndex((b) => b.at === active);
  const shown = bars[at < 0 ? newest : at];
  const pick = bars.find((b) => b.at === chosen);
  const { top, lines } = scale(Math.max(...bars.map(ended)));
  const tries = Math.max(...bars.map((b) => b.retrying));

  const move = (e: KeyboardEvent, i: number) => {
    const to = { ArrowLeft: i - 1, ArrowRight: i + 1, Home: 0, End: newest }[e.key];
    if (to === undefined) return;
    e.preventDefault();
    box.current?.querySelectorAll<HTMLElement>(".chart-bar")[to]?.focus();
  };
  const props = (bar: Bar, i: number) => ({
    className: "chart-bar",
    "data-active": bar === shown || undefined,
    tabIndex: i === (at < 0 ? newest : at) ? 0 : -1,
    "aria-label": `${when(bar, t)}: ${[...said(bar, t).map((x) => x.text), attempts(bar, t)].filter(Boolean).join(", ") || t.overview.nothing}`,
    onPointerEnter: (e: { pointerType: string }) => e.pointerType === "mouse" && setActive(bar.at),
    onPointerDown: (e: { pointerType: string }) => {
      touch.current = e.pointerType === "touch";
    },
    onFocus: (e: { target: Element }) => e.target.matches(":focus-visible") && setActive(bar.at),
    onKeyDown: (e: KeyboardEvent) => {
      touch.current = false;
      move(e, i);
    },
    // A finger cannot hover: its first touch says the numbers, the second one opens the list.
    onClick: (e: MouseEvent) => {
      if (touch.current && bar.at !== active) e.preventDefault();
      if (!tenant) choose(bar.at);
      setActive(bar.at);
    },
  });
  const column = (bar: Bar) => (
    <>
      <span className="chart-up">
        {ends.map((k) => (
          <span key={k} className={`is-${k}`} style={{ height: `${(bar[k] / top) * 100}%`, minHeight: bar[k] && 2 }} />
        ))}
      </span>
      {tries > 0 && (
        <span className="chart-down">
          <span
            className="is-retrying"
            style={{ height: `${(bar.retrying / tries) * 100}%`, minHeight: bar.retrying && 2 }}
          />
        </span>
      )}
    </>
  );
  return (
    <>
      {shown && (
        <Group gap="xs" mih={28} className="chart-said">
          <Text size="sm" fw={550}>
            {when(shown, t)}
          </Text>
          {said(shown, t).map((x) =>
            tenant ? (
              <Anchor key={x.state} component={Link} {...(linkTo(tenant, shown, x.state) as object)} size="sm">
                {x.text}
              </Anchor>
            ) : (
              <Text key={x.state} size="sm">
                {x.text}
              </Text>
            ),
          )}
          {ended(shown) === 0 && (
            <Text size="sm" c="dimmed">
              {t.overview.nothing}
            </Text>
          )}
          <Text size="sm" c="dimmed">
            {attempts(shown, t)}
          </Text>
        </Group>
      )}
      <div className="chart">
        <div className="chart-lines" aria-hidden>
          {lines.map((n) => (
            <span key={n} style={{ bottom: `${(n / top) * 100}%` }}>
              {number(n, t.locale)}
            </span>
          ))}
        </div>
        <div ref={box} className="chart-bars" role="group" aria-label={t.overview.chart}>
          {bars.map((bar, i) =>
            tenant ? (
              <Link key={bar.at} {...props(bar, i)} {...linkTo(tenant, bar)} preload={false}>
                {column(bar)}
              </Link>
            ) : (
              <button type="button" key={bar.at} aria-pressed={bar === pick} {...props(bar, i)}>
                {column(bar)}
              </button>
            ),
          )}
        </div>
        {tries > 0 && (
          <div className="chart-tries" aria-hidden>
            {number(tries, t.locale)}
          </div>
        )}
        <div className="chart-ticks" aria-hidden>
          {ticks(bars, t.locale, width < 480).map((x) => (
            <span key={x.left} style={{ left: `${x.left * 100}%` }}>
              {x.text}
            </span>
          ))}
        </div>
      </div>
      {pick && <ByTenant bar={pick} />}
    </>
  );
}

/** Whose deliveries a bar of all tenants has, each number with the way to their list. */
function ByTenant({ bar }: { bar: Bar }) {
  const t = useT();
  const found = useQuery(tenantStatsQuery(bar.at, bar.until));
  return (
    <Paper withBorder p="sm" mt="xs" component="section" aria-label={when(bar, t)}>
      <Trouble error={found.error} retry={() => void found.refetch()} />
      {found.data?.items.length === 0 && <Text size="sm">{t.overview.nothing}</Text>}
      {found.data?.items.map((x) => (
        <Group key={x.tenant} gap="xs">
          <Anchor component={Link} {...(linkTo(x.tenant, bar) as object)} size="sm" fw={550}>
            {x.tenant}
          </Anchor>
          {said(x, t).map((n) => (
            <Anchor key={n.state} component={Link} {...(linkTo(x.tenant, bar, n.state) as object)} size="sm">
              {n.text}
            </Anchor>
          ))}
          <Text size="sm" c="dimmed">
            {attempts(x, t)}
          </Text>
        </Group>
      ))}
    </Paper>
  );
}
