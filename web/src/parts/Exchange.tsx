// One request and what came back, to the byte.
import { Button, Group, SimpleGrid, Stack, Text, Tooltip } from "@mantine/core";
import { useClipboard } from "@mantine/hooks";
import { IconCheck, IconTerminal2 } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import type { Schemas } from "../api/client";
import { attemptBodyQuery } from "../api/queries";
import { milliseconds } from "../format";
import { useT } from "../i18n";
import { Skeletons, Trouble } from "./basics";
import { Code, Headers } from "./Code";
import { mask } from "./SettingsForm";

type Request = Schemas["Request"];
type Response = Schemas["Response"];
type Timing = Schemas["Timing"];

const quote = (s: string) => `'${s.replaceAll("'", `'\\''`)}'`;

/** The request as a command for a terminal. */
export function curl(r: Request, body: string): string {
  const own = new Set(["host", "content-length"]);
  const lines = [`curl -X ${r.method} ${quote(r.url)}`];
  for (const [name = "", value = ""] of r.headers)
    if (!own.has(name.toLowerCase())) lines.push(`-H ${quote(`${name}: ${value}`)}`);
  if (body) lines.push(`--data-raw ${quote(body)}`);
  return lines.join(" \\\n  ");
}

/** stored: of which attempt it is, if its body has to be read by itself. */
export function Exchange({
  request,
  response,
  timing,
  steps,
  stored,
}: {
  request: Request;
  response: Response | null;
  timing: Timing;
  steps?: Schemas["Step"][];
  stored?: { tenant: string; delivery: string; attempt: string; reveal: boolean };
}) {
  const t = useT();
  const sent = request.method !== "";
  const loaded = useQuery({
    ...attemptBodyQuery(stored?.tenant ?? "", stored?.delivery ?? "", stored?.attempt ?? "", stored?.reveal),
    enabled: stored !== undefined && sent,
  });
  const binary = stored ? loaded.data?.binary === true : Boolean(request.body_base64);
  const text = (stored ? loaded.data?.text : request.body || request.body_base64) ?? "";
  const plain = binary ? "" : text;
  const masked = useMemo(
    () => request.headers.some(([, v]) => v?.includes(mask)) || request.url.includes(mask) || plain.includes(mask),
    [request, plain],
  );
  const clipboard = useClipboard({ timeout: 1500 });
  return (
    <Stack gap="lg">
      <TimingBar timing={timing} />
      {steps && steps.length > 0 && <Steps steps={steps} />}
      <SimpleGrid cols={{ base: 1, md: 2 }} spacing="lg">
        <Stack gap="sm" style={{ minWidth: 0 }}>
          <Group justify="space-between" gap="xs">
            <Text fw={620}>{t.delivery.request}</Text>
            {sent && (!stored || loaded.data) && (
              <Tooltip label={t.delivery.secretNote} disabled={!masked} multiline maw={280}>
                <Button
                  size="xs"
                  variant="default"
                  leftSection={clipboard.copied ? <IconCheck size={14} /> : <IconTerminal2 size={14} />}
                  onClick={() => clipboard.copy(curl(request, plain))}
                >
                  {clipboard.copied ? t.common.copied : t.delivery.curl}
                </Button>
              </Tooltip>
            )}
          </Group>
          <Text className="mono" style={{ overflowWrap: "anywhere" }}>
            <b>{request.method}</b> {request.url}
          </Text>
          <Headers headers={request.headers} label={t.delivery.headers} />
          <Trouble error={loaded.error} retry={() => void loaded.refetch()} />
          {stored && sent && !loaded.data ? (
            !loaded.error && <Skeletons rows={2} />
          ) : (
            <Code
              text={text}
              label={t.delivery.body}
              note={binary ? t.delivery.binary : undefined}
              file={stored && loaded.data && { name: stored.attempt, bytes: loaded.data.bytes }}
            />
          )}
        </Stack>
        <Stack gap="sm" style={{ minWidth: 0 }}>
          <Group mih={30}>
            <Text fw={620}>{t.delivery.answer}</Text>
          </Group>
          {response ? (
            <>
              <Text className="mono">
                <b>HTTP {response.status}</b>
              </Text>
              <Headers headers={response.headers} label={`${t.test.answer}: ${t.delivery.headers}`} />
              <Code
                text={response.body || response.body_base64 || ""}
                label={`${t.test.answer}: ${t.delivery.body}`}
                note={
                  [response.truncated && t.delivery.truncated, response.body_base64 && t.delivery.binary]
                    .filter(Boolean)
                    .join(" ") || undefined
                }
              />
            </>
          ) : (
            <Text size="sm" c="dimmed">
              {t.test.noAnswer}
            </Text>
          )}
        </Stack>
      </SimpleGrid>
    </Stack>
  );
}

/** What was exchanged before the request that is shown: the fetch of a token, or what was redirected or refused. */
function Steps({ steps }: { steps: Schemas["Step"][] }) {
  const t = useT();
  return (
    <div>
      <Text fw={620}>{t.auth.steps}</Text>
      {steps.map((s, i) => (
        <Text key={i} size="sm" style={{ overflowWrap: "anywhere" }}>
          {s.what === "token" ? t.auth.stepToken : t.auth.stepRequest}:{" "}
          <span className="mono">
            {s.method} {s.url}
          </span>{" "}
          → {s.status ? `HTTP ${s.status}` : t.auth.noAnswer}
          {s.class && <> · {t.reason[s.class] ?? s.class}</>} · {milliseconds(s.took_ms, t.locale)}
        </Text>
      ))}
    </div>
  );
}

/** Where the time went. The parts follow each other. */
export function TimingBar({ timing: m }: { timing: Timing }) {
  const t = useT();
  if (m.total <= 0) return null;
  const before = m.dns + m.connect + m.tls;
  const parts = [
    { label: t.delivery.dns, ms: m.dns, color: "var(--mantine-color-violet-5)" },
    { label: t.delivery.connect, ms: m.connect, color: "var(--mantine-color-blue-5)" },
    { label: t.delivery.tls, ms: m.tls, color: "var(--mantine-color-cyan-5)" },
    {
      label: t.delivery.wait,
      ms: m.first_byte > 0 ? Math.max(m.first_byte - before, 0) : Math.max(m.total - before, 0),
      color: "var(--mantine-color-teal-5)",
    },
    {
      label: t.delivery.read,
      ms: m.first_byte > 0 ? Math.max(m.total - m.first_byte, 0) : 0,
      color: "var(--mantine-color-gray-5)",
    },
  ].filter((p) => p.ms > 0);
  return (
    <div>
      <div className="bar" aria-hidden>
        {parts.map((p) => (
          <div key={p.label} style={{ background: p.color, flexGrow: (100 * p.ms) / m.total, flexBasis: 0 }} />
        ))}
      </div>
      <Group
        gap="md"
        mt={6}
        component="ul"
        style={{ listStyle: "none", padding: 0, margin: "6px 0 0" }}
        aria-label={t.delivery.timing}
      >
        {parts.map((p) => (
          <Group key={p.label} gap={6} component="li">
            <span className="dot" style={{ background: p.color }} aria-hidden />
            <Text size="xs" c="dimmed" className="number">
              {p.label} {t.test.took(milliseconds(p.ms, t.locale))}
            </Text>
          </Group>
        ))}
        <Text size="xs" fw={600} className="number" component="li">
          {t.delivery.total} {t.test.took(milliseconds(m.total, t.locale))}
        </Text>
      </Group>
    </div>
  );
}

/** What the sender noted, for programmers: it is in English whatever the page speaks. */
export function Technical({ error: e }: { error: Schemas["AttemptError"] }) {
  const t = useT();
  return (
    <Text size="xs" c="dimmed" mb="md">
      {t.delivery.technical}: <span className="mono">{e.class}</span> <span lang="en">{e.detail}</span>
    </Text>
  );
}
