// Bytes as people read them: JSON in colours, formatted or exactly as sent.
import { Group, SegmentedControl, Text } from "@mantine/core";
import { type ReactNode, useMemo, useState } from "react";
import { useT } from "../i18n";
import { Copy } from "./basics";

const token = /("(?:\\.|[^"\\])*")(\s*:)?|(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|\b(true|false|null)\b/g;
const tooLong = 40_000; // characters; beyond it colours are left out

/** JSON with its tokens in colours. Nothing of it is changed. */
function colours(text: string): ReactNode {
  if (text.length > tooLong) return text;
  const out: ReactNode[] = [];
  let at = 0;
  for (const m of text.matchAll(token)) {
    if (m.index > at) out.push(text.slice(at, m.index));
    const kind = m[1] ? (m[2] ? "tok-key" : "tok-string") : m[3] ? "tok-number" : "tok-word";
    out.push(
      <span key={m.index} className={kind}>
        {m[1] ?? m[0]}
      </span>,
    );
    if (m[1] && m[2]) out.push(m[2]);
    at = m.index + m[0].length;
  }
  out.push(text.slice(at));
  return out;
}

/**
 * JSON with line breaks and indentation. Its tokens are copied, so that numbers
 * and escapes stay as they were sent; undefined if it is no JSON.
 */
export function pretty(text: string): string | undefined {
  try {
    const v = JSON.parse(text);
    if (typeof v !== "object" || v === null) return undefined;
  } catch {
    return undefined;
  }
  let out = "";
  let depth = 0;
  const line = () => `\n${"  ".repeat(depth)}`;
  for (const m of text.matchAll(/"(?:\\.|[^"\\])*"|[{}[\],:]|[^\s{}[\],:"]+/g)) {
    const tok = m[0];
    if (tok === "{" || tok === "[") {
      depth++;
      out += tok + line();
    } else if (tok === "}" || tok === "]") {
      depth--;
      const empty = /[{[]\s*$/.test(out);
      out = empty ? out.trimEnd() + tok : out + line() + tok;
    } else if (tok === ",") out += `,${line()}`;
    else if (tok === ":") out += ": ";
    else out += tok;
  }
  return out;
}

export function Code({ text, label, note }: { text: string; label: string; note?: string }) {
  const t = useT();
  const nice = useMemo(() => pretty(text), [text]);
  const [raw, setRaw] = useState(false);
  const shown = nice !== undefined && !raw ? nice : text;
  return (
    <div>
      <Group justify="space-between" mb={6} gap="xs" mih={28}>
        <Text size="sm" fw={600}>
          {label}
        </Text>
        <Group gap={4}>
          {nice !== undefined && nice !== text && (
            <SegmentedControl
              size="xs"
              value={raw ? "raw" : "nice"}
              onChange={(v) => setRaw(v === "raw")}
              aria-label={label}
              data={[
                { value: "nice", label: t.delivery.formatted },
                { value: "raw", label: t.delivery.raw },
              ]}
            />
          )}
          {text && <Copy text={text} label={`${t.common.copy}: ${label}`} />}
        </Group>
      </Group>
      {text ? (
        <pre className="code" tabIndex={0} role="region" aria-label={label}>
          {nice === undefined ? shown : colours(shown)}
        </pre>
      ) : (
        <Text size="sm" c="dimmed">
          {t.delivery.empty}
        </Text>
      )}
      {note && (
        <Text size="xs" c="dimmed" mt={4}>
          {note}
        </Text>
      )}
    </div>
  );
}

/** Headers as sent: the order and the letters are the receiver's. */
export function Headers({ headers, label }: { headers: string[][]; label: string }) {
  const text = headers.map(([name, value]) => `${name}: ${value}`).join("\n");
  return (
    <div>
      <Group justify="space-between" mb={6} gap="xs" mih={28}>
        <Text size="sm" fw={600}>
          {label}
        </Text>
        {text && <Copy text={text} label={label} />}
      </Group>
      <pre className="code" tabIndex={0} role="region" aria-label={label}>
        {headers.map(([name, value], i) => (
          <span key={i}>
            <span className="tok-key">{name}</span>: {value}
            {"\n"}
          </span>
        ))}
      </pre>
    </div>
  );
}
