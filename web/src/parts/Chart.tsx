// Deliveries over time: how many arrived, how many did not.
import "uplot/dist/uPlot.min.css";
import { useComputedColorScheme } from "@mantine/core";
import { useEffect, useRef } from "react";
import uPlot from "uplot";
import type { Schemas } from "../api/client";
import { number } from "../format";

interface Words {
  delivered: string;
  failed: string;
  retrying: string;
  locale: string;
}

export default function Chart({
  points,
  words,
  step,
}: {
  points: Schemas["StatsPoint"][];
  words: Words;
  step: number;
}) {
  const box = useRef<HTMLDivElement>(null);
  const dark = useComputedColorScheme("light") === "dark";
  useEffect(() => {
    const el = box.current;
    if (!el) return undefined;
    const ink = dark ? "#a4acb4" : "#596169";
    const grid = { stroke: dark ? "#2b3036" : "#edeff1", width: 1 };
    const axis = { stroke: ink, grid, ticks: { show: false }, font: "12px system-ui, sans-serif" };
    const bars = (part: number) => uPlot.paths.bars?.({ size: [part, 40], radius: 0.15, align: 1 });
    const time = new Intl.DateTimeFormat(
      words.locale,
      step >= 3600 ? { weekday: "short", hour: "2-digit" } : { hour: "2-digit", minute: "2-digit" },
    );
    const delivered = points.map((p) => p.delivered);
    const failed = points.map((p) => p.failed + p.unknown);
    const retrying = points.map((p) => p.retrying);
    // Stacked: each series is drawn as the sum up to it, the largest first.
    const sum2 = failed.map((n, i) => n + (retrying[i] ?? 0));
    const sum3 = sum2.map((n, i) => n + (delivered[i] ?? 0));
    const plot = new uPlot(
      {
        width: el.clientWidth,
        height: 240,
        padding: [12, 28, 0, 0],
        legend: { show: false },
        cursor: { drag: { x: false, y: false }, points: { show: false }, y: false },
        scales: { x: { time: true }, y: { range: (_, __, max) => [0, Math.max(max * 1.1, 4)] } },
        axes: [
          { ...axis, grid: { show: false }, values: (_, ticks) => ticks.map((t) => time.format(t * 1000)), space: 90 },
          {
            ...axis,
            size: 52,
            values: (_, ticks) => ticks.map((t) => (Number.isInteger(t) ? number(t, words.locale) : "")),
          },
        ],
        series: [
          {},
          {
            label: words.delivered,
            fill: dark ? "#2f9e7a" : "#38a686",
            stroke: "transparent",
            paths: bars(0.82),
            points: { show: false },
          },
          {
            label: words.retrying,
            fill: dark ? "#c79a2b" : "#f0c24b",
            stroke: "transparent",
            paths: bars(0.82),
            points: { show: false },
          },
          {
            label: words.failed,
            fill: dark ? "#d05656" : "#e05252",
            stroke: "transparent",
            paths: bars(0.82),
            points: { show: false },
          },
        ],
      },
      [points.map((p) => Date.parse(p.at) / 1000), sum3, sum2, failed],
      el,
    );
    const resize = new ResizeObserver(() => plot.setSize({ width: el.clientWidth, height: 240 }));
    resize.observe(el);
    return () => {
      resize.disconnect();
      plot.destroy();
    };
  }, [points, words, step, dark]);
  return <div ref={box} aria-hidden style={{ minHeight: 240 }} />;
}
