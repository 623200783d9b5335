// Times, numbers and lengths of time in the reader's language.

/** Keeps what writes in a language, since making it takes longer than a row of a list may. */
function kept<T>(make: (locale: string) => T): (locale: string) => T {
  const made = new Map<string, T>();
  return (locale) => {
    const known = made.get(locale);
    if (known) return known;
    const fresh = make(locale);
    made.set(locale, fresh);
    return fresh;
  };
}

const exact = kept((locale) => new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "medium" }));
const dates = kept((locale) => new Intl.DateTimeFormat(locale, { dateStyle: "medium" }));
const relative = kept((locale) => new Intl.RelativeTimeFormat(locale, { numeric: "auto", style: "short" }));

export const exactTime = (iso: string, locale: string): string => exact(locale).format(new Date(iso));

const spans = kept(
  (locale) =>
    new Intl.DateTimeFormat(locale, {
      weekday: "short",
      day: "numeric",
      month: "short",
      hour: "2-digit",
      minute: "2-digit",
    }),
);

/** From when to when, both in ms since 1970. */
export const timeSpan = (from: number, until: number, locale: string): string => spans(locale).formatRange(from, until);

/** A time as <input type="datetime-local"> has it: of this place, to the minute. */
export const localTime = (d: Date) => new Date(d.getTime() - d.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);

const steps: [Intl.RelativeTimeFormatUnit, number][] = [
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
  ["second", 1],
];

export function relativeTime(iso: string, locale: string, now: number): string {
  const seconds = (new Date(iso).getTime() - now) / 1000;
  if (Math.abs(seconds) > 30 * 86_400) return dates(locale).format(new Date(iso));
  const [unit, size] = steps.find(([, s]) => Math.abs(seconds) >= s) ?? ["second", 1];
  return relative(locale).format(Math.round(seconds / size), unit);
}

export const number = (n: number, locale: string, digits = 0) =>
  new Intl.NumberFormat(locale, { maximumFractionDigits: digits }).format(n);

/** A number of bytes in its largest unit, of powers of 1,000: 1.2 GB. */
export function bytes(n: number, locale: string): string {
  const units = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"] as const;
  const i = Math.min(Math.floor(Math.log10(Math.max(n, 1)) / 3), units.length - 1);
  return new Intl.NumberFormat(locale, {
    style: "unit",
    unit: units[i],
    unitDisplay: "short",
    maximumFractionDigits: i > 0 ? 1 : 0,
  }).format(n / 1000 ** i);
}

/** A share from 0 to 1, rounded down, so that what is not whole is never called 100 %. */
export const percent = (n: number, locale: string) =>
  new Intl.NumberFormat(locale, { style: "percent", maximumFractionDigits: 1 }).format(Math.floor(n * 1000) / 1000);

export const milliseconds = (ms: number, locale: string) => number(ms, locale, ms < 10 ? 1 : 0);

/** Reads 30s, 5m, 1h30m; undefined if it is none. The API's form of a length of time. */
export function parseSpan(text: string): number | undefined {
  const s = text.trim();
  if (!/^(\d+(\.\d+)?(ms|s|m|h|d))+$/.test(s)) return undefined;
  const size = { ms: 0.001, s: 1, m: 60, h: 3600, d: 86_400 };
  let sum = 0;
  for (const m of s.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)) sum += Number(m[1]) * size[m[2] as keyof typeof size];
  return sum;
}

/** A length of time in words, the two largest units: 2 h 30 min. */
export function span(seconds: number, locale: string): string {
  const units: [string, number][] = [
    ["day", 86_400],
    ["hour", 3_600],
    ["minute", 60],
    ["second", 1],
  ];
  const parts: string[] = [];
  let rest = Math.round(seconds);
  for (const [unit, size] of units) {
    const n = Math.floor(rest / size);
    if (n > 0 && parts.length < 2)
      parts.push(new Intl.NumberFormat(locale, { style: "unit", unit, unitDisplay: "short" }).format(n));
    rest -= n * size;
  }
  return (
    parts.join(" ") ||
    new Intl.NumberFormat(locale, { style: "unit", unit: "second", unitDisplay: "short" }).format(seconds)
  );
}
