// Small parts that all pages share.
import {
  ActionIcon,
  Alert,
  Badge,
  Box,
  Button,
  CopyButton,
  Group,
  Skeleton,
  Stack,
  Text,
  Title,
  Tooltip,
} from "@mantine/core";
import { IconAlertTriangle, IconCheck, IconCopy } from "@tabler/icons-react";
import { useRouterState } from "@tanstack/react-router";
import { type ReactNode, useEffect, useRef, useState, useSyncExternalStore } from "react";
import { type Delivery, type Endpoint, Problem } from "../api/client";
import { exactTime, relativeTime } from "../format";
import { useT } from "../i18n";
import type { Messages } from "../i18n/en";
import { placeName } from "./places";
import type { Schema } from "./SettingsForm";

// Set when one goes to another page, until its heading is there and has the focus.
let arriving = false;

/** Notes that another page is coming: its heading takes the focus, so that a screen reader says where one is. */
export function arrive() {
  arriving = true;
}

/** The head of a page, and its title in the browser. */
export function PageHead({ title, text, children }: { title: string; text?: ReactNode; children?: ReactNode }) {
  const heading = useRef<HTMLHeadingElement>(null);
  const path = useRouterState({ select: (s) => s.resolvedLocation?.pathname ?? s.location.pathname });
  useEffect(() => {
    document.title = `${title} · Gancho`;
  }, [title]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: two pages after each other may be the same component
  useEffect(() => {
    if (!arriving) return;
    arriving = false;
    heading.current?.focus({ preventScroll: true });
  }, [path]);
  return (
    <Group justify="space-between" align="flex-end" mb="lg" gap="sm">
      <Box style={{ minWidth: 0, flex: "1 1 16rem" }}>
        <Title order={1} ref={heading} tabIndex={-1} style={{ outline: "none" }}>
          {title}
        </Title>
        {text && (
          <Text c="dimmed" size="sm" mt={2} component="div">
            {text}
          </Text>
        )}
      </Box>
      {children && <Group gap="xs">{children}</Group>}
    </Group>
  );
}

/** Says that something is stored encrypted and cannot be decrypted, and what to do. */
export function Unreadable({ title, text }: { title: string; text: string }) {
  return (
    <Alert color="yellow" variant="light" icon={<IconAlertTriangle size={18} />} title={title}>
      {text}
    </Alert>
  );
}

let now = Date.now();
const tickers = new Set<() => void>();
setInterval(() => {
  now = Date.now();
  for (const f of tickers) f();
}, 5_000);

function useNow(): number {
  return useSyncExternalStore(
    (f) => {
      tickers.add(f);
      return () => tickers.delete(f);
    },
    () => now,
  );
}

/** A time as people say it, exact when one points at it. */
export function Time({ at }: { at: string | null | undefined }) {
  const t = useT();
  const n = useNow();
  if (!at)
    return (
      <Text span c="dimmed" inherit>
        {t.common.never}
      </Text>
    );
  return (
    <Tooltip label={exactTime(at, t.locale)}>
      <time dateTime={at} className="nowrap number">
        {relativeTime(at, t.locale, Math.max(n, Date.now()))}
      </time>
    </Tooltip>
  );
}

const stateColor: Record<Delivery["state"], string> = {
  pending: "blue",
  sending: "blue",
  retrying: "yellow",
  delivered: "teal",
  failed: "red",
  unknown: "orange",
  cancelled: "gray",
};

export function StateBadge({ state }: { state: Delivery["state"] }) {
  const t = useT();
  return <Tone color={stateColor[state]}>{t.deliveryState[state]}</Tone>;
}

/** What one wants to know of an endpoint at a glance. */
export function endpointHealth(e: Endpoint): "unreadable" | "paused" | "disabled" | "failing" | "working" | "unused" {
  if (e.unreadable) return "unreadable";
  if (e.state !== "active") return e.state;
  if (e.failing_since) return "failing";
  return e.last_run ? "working" : "unused";
}

const healthColor = {
  unreadable: "red",
  paused: "yellow",
  disabled: "gray",
  failing: "red",
  working: "teal",
  unused: "blue",
};

export function HealthBadge({ endpoint }: { endpoint: Endpoint }) {
  const t = useT();
  const health = endpointHealth(endpoint);
  return <Tone color={healthColor[health]}>{t.endpointState[health]}</Tone>;
}

/** A word with a dot of its colour: the word carries the meaning, the colour helps. */
export function Tone({ color, children }: { color: string; children: ReactNode }) {
  return (
    <Badge
      variant="default"
      leftSection={<span className="dot" style={{ background: `var(--mantine-color-${color}-6)` }} aria-hidden />}
      style={{ flex: "none", minWidth: "max-content" }}
    >
      {children}
    </Badge>
  );
}

/** What went wrong, in the reader's language as far as we have a text for it. */
export function wordsOf(error: unknown, t: Messages): string {
  if (!(error instanceof Problem)) return String(error instanceof Error ? error.message : error);
  if (error.status === 0) return t.problem.network;
  return t.problem.codes[error.code] ?? (error.errors.length > 0 ? t.problem.someWrong : error.message);
}

type Place = Problem["errors"][number];

/** What is wrong at one place of what was sent. Contracts' own mistakes have no code; the server says them in the language that was asked for. */
export function detailOf(place: Place, t: Messages): string {
  const texts: Record<string, string> = t.problem.details;
  const text = texts[place.code ?? ""];
  if (text === undefined) return place.detail;
  const params = place.params ?? {};
  const words = [text.replace(/\{([a-z]+)\}/g, (whole, name) => params[name] ?? whole)];
  if (params.meant) words.push(t.problem.meant(params.meant));
  if (params.possible) words.push(t.problem.possible(params.possible));
  return words.join(" ");
}

/** A problem, and how to try again. settings is the schema of the settings that were sent. */
export function Trouble({ error, retry, settings }: { error: unknown; retry?: () => void; settings?: Schema }) {
  const t = useT();
  if (!error) return null;
  const words = wordsOf(error, t);
  const places = error instanceof Problem ? error.errors : [];
  return (
    <Alert color="red" variant="light" icon={<IconAlertTriangle />} title={t.problem.title} role="alert">
      <Stack gap="xs" align="flex-start">
        <Text size="sm">{words}</Text>
        {places.map((e) => (
          <Text key={`${e.pointer}${e.parameter}${e.detail}`} size="sm">
            {[placeName(e, t, settings), detailOf(e, t)].filter(Boolean).join(": ")} {e.fix}
          </Text>
        ))}
        {places.length === 0 &&
          error instanceof Problem &&
          error.status !== 404 &&
          error.message &&
          error.message !== words && (
            <Text size="xs" c="dimmed" style={{ overflowWrap: "anywhere" }}>
              {t.delivery.technical}: {error.message}
            </Text>
          )}
        {retry && (
          <Button variant="default" size="xs" onClick={retry}>
            {t.common.retry}
          </Button>
        )}
      </Stack>
    </Alert>
  );
}

/** Says that a rule of the contract could not be applied to an answer, and why; nothing if all could. */
export function RuleError({ text }: { text: string | undefined }) {
  const t = useT();
  if (!text) return null;
  return (
    <Text size="sm" my="xs">
      {t.delivery.ruleError}{" "}
      <Text span size="xs" c="dimmed">
        {t.delivery.technical}: <span lang="en">{text}</span>
      </Text>
    </Text>
  );
}

/** What to do where there is nothing yet. */
export function Empty({
  icon,
  title,
  text,
  children,
}: {
  icon: ReactNode;
  title: string;
  text: string;
  children?: ReactNode;
}) {
  return (
    <Stack align="center" gap={6} py={56} px="md" ta="center">
      <Box c="dimmed" mb={4} aria-hidden>
        {icon}
      </Box>
      <Text fw={600}>{title}</Text>
      <Text c="dimmed" size="sm" maw={440}>
        {text}
      </Text>
      {children && (
        <Group mt="sm" justify="center">
          {children}
        </Group>
      )}
    </Stack>
  );
}

export function Skeletons({ rows = 6, height = 28 }: { rows?: number; height?: number }) {
  const t = useT();
  return (
    <Stack gap="sm" p="md" aria-busy aria-label={t.common.loading} role="status">
      {Array.from({ length: rows }, (_, i) => (
        <Skeleton key={i} height={height} radius="sm" />
      ))}
    </Stack>
  );
}

export function Copy({ text, label }: { text: string; label?: string }) {
  const t = useT();
  return (
    <CopyButton value={text} timeout={1500}>
      {({ copied, copy }) => (
        <Tooltip label={copied ? t.common.copied : (label ?? t.common.copy)}>
          <ActionIcon
            variant="subtle"
            color={copied ? "teal" : "gray"}
            onClick={copy}
            aria-label={label ?? t.common.copy}
          >
            {copied ? <IconCheck size={16} /> : <IconCopy size={16} />}
          </ActionIcon>
        </Tooltip>
      )}
    </CopyButton>
  );
}

/** A label and what it says, in a list. A wide one has a row of its own. */
export function Fact({ label, wide, children }: { label: string; wide?: boolean; children: ReactNode }) {
  return (
    <div style={{ minWidth: 0, gridColumn: wide ? "1 / -1" : undefined }}>
      <Text size="xs" c="dimmed" component="dt">
        {label}
      </Text>
      <Text size="sm" component="dd" m={0} style={{ overflowWrap: "anywhere" }}>
        {children}
      </Text>
    </div>
  );
}

/** A value that settles a moment after the typing stops. */
export function useSettled<T>(value: T, ms = 300): T {
  const [settled, set] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => set(value), ms);
    return () => clearTimeout(timer);
  }, [value, ms]);
  return settled;
}
