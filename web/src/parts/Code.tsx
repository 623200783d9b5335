// Bytes as people read them: JSON in colours, formatted or exactly as sent.
import { ActionIcon, Button, Group, Loader, SegmentedControl, Text, Tooltip } from "@mantine/core";
import { IconDownload } from "@tabler/icons-react";
import { type ReactNode, useEffect, useMemo, useRef, useState } from "react";
import { useT } from "../i18n";
import { Copy } from "./basics";
import { pretty } from "./pretty";
import type { Formatted } from "./pretty.worker";

const token = /("(?:\\.|[^"\\])*")(\s*:)?|(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|\b(true|false|null)\b/g;
const tooLong = 40_000; // characters; beyond it colours are left out
const long = 100_000; // characters; from there on a worker formats the text, and only a part of it is shown
const part = 200_000; // characters that are shown at first, and that are added each time

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

interface CodeProps {
  text: string;
  label: string;
  note?: string;
  /** What to save, to the byte, and under which name; undefined: there is nothing to save. */
  file?: { name: string; bytes: Uint8Array<ArrayBuffer> };
}

/** A text with a label, formatted if it is JSON. However long it is, the page stays responsive. */
export function Code(props: CodeProps) {
  return props.text.length > long ? (
    <LongCode key={`${props.file?.name} ${props.text.length}`} {...props} />
  ) : (
    <ShortCode {...props} />
  );
}

function ShortCode({ text, label, note, file }: CodeProps) {
  const t = useT();
  const nice = useMemo(() => pretty(text), [text]);
  const [raw, setRaw] = useState(false);
  const shown = nice !== undefined && !raw ? nice : text;
  return (
    <div>
      <CodeHead text={text} label={label} file={file}>
        {nice !== undefined && nice !== text && <Ways label={label} raw={raw} onChange={setRaw} />}
      </CodeHead>
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

/** The first part of a long text, and more of it on demand. */
function LongCode({ text, label, note, file }: CodeProps) {
  const t = useT();
  const [raw, setRaw] = useState(false);
  const [length, setLength] = useState(part);
  const formatted = useFormatted(text);
  const asSent = raw || formatted.text === "";
  const shown = asSent ? text.slice(0, length) : formatted.text;
  const complete = asSent ? length >= text.length : formatted.complete;
  return (
    <div>
      <CodeHead text={text} label={label} file={file}>
        {formatted.busy && <Loader size="xs" aria-label={t.common.loading} />}
        {formatted.text !== "" && <Ways label={label} raw={raw} onChange={setRaw} />}
      </CodeHead>
      <pre className="code" tabIndex={0} role="region" aria-label={label} aria-busy={formatted.busy}>
        {shown}
      </pre>
      {!complete && (
        <Group gap="sm" mt={6}>
          <Button
            size="xs"
            variant="default"
            disabled={formatted.busy && !asSent}
            onClick={() => (asSent ? setLength(length + part) : formatted.more())}
          >
            {t.common.more}
          </Button>
          <Text size="xs" c="dimmed">
            {t.delivery.beginning}
          </Text>
        </Group>
      )}
      {note && (
        <Text size="xs" c="dimmed" mt={4}>
          {note}
        </Text>
      )}
    </div>
  );
}

/** A long text as a worker formats it, piece by piece. The text stays empty if there is nothing to format. */
function useFormatted(text: string) {
  const [state, setState] = useState({ text: "", busy: true, complete: false });
  const worker = useRef<Worker>(undefined);
  useEffect(() => {
    const w = new Worker(new URL("./pretty.worker.ts", import.meta.url), { type: "module" });
    worker.current = w;
    w.onmessage = ({ data }: MessageEvent<Formatted>) => {
      if (data === "unstructured") setState({ text: "", busy: false, complete: true });
      else setState((old) => ({ text: old.text + data.piece, busy: false, complete: data.last }));
    };
    w.onerror = () => setState((old) => ({ ...old, busy: false })); // the text as it was sent is still there
    setState({ text: "", busy: true, complete: false });
    w.postMessage({ text });
    return () => w.terminate();
  }, [text]);
  const more = () => {
    setState((old) => ({ ...old, busy: true }));
    worker.current?.postMessage("more");
  };
  return { ...state, more };
}

/** The label of a text, and what can be done with it. */
function CodeHead({ text, label, file, children }: Omit<CodeProps, "note"> & { children: ReactNode }) {
  const t = useT();
  return (
    <Group justify="space-between" mb={6} gap="xs" mih={28}>
      <Text size="sm" fw={600}>
        {label}
      </Text>
      <Group gap={4}>
        {children}
        {file && file.bytes.length > 0 && (
          <Tooltip label={t.delivery.download}>
            <ActionIcon
              variant="subtle"
              color="gray"
              aria-label={`${t.delivery.download}: ${label}`}
              onClick={() => save(file.name, file.bytes)}
            >
              <IconDownload size={16} />
            </ActionIcon>
          </Tooltip>
        )}
        {text && <Copy text={text} label={`${t.common.copy}: ${label}`} />}
      </Group>
    </Group>
  );
}

/** Formatted, or as it was sent. */
function Ways({ label, raw, onChange }: { label: string; raw: boolean; onChange: (raw: boolean) => void }) {
  const t = useT();
  return (
    <SegmentedControl
      size="xs"
      value={raw ? "raw" : "nice"}
      onChange={(v) => onChange(v === "raw")}
      aria-label={label}
      data={[
        { value: "nice", label: t.delivery.formatted },
        { value: "raw", label: t.delivery.raw },
      ]}
    />
  );
}

/** Gives bytes to the browser as a file. */
export function save(name: string, bytes: Uint8Array<ArrayBuffer> | Blob) {
  const url = URL.createObjectURL(new Blob([bytes], { type: "application/octet-stream" }));
  const a = document.createElement("a");
  a.href = url;
  a.download = name;
  a.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
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
