// The text of a contract on the left; on the right what is wrong with it, what it changes, and what it makes of an
// event, also at an address. Nothing is stored before it is put in force.
import { Alert, Group, Loader, Paper, SimpleGrid, Stack, Text } from "@mantine/core";
import { IconAlertTriangle, IconCircleCheck, IconFile } from "@tabler/icons-react";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useBlocker, useNavigate, useSearch } from "@tanstack/react-router";
import { useEffect, useMemo, useRef, useState } from "react";
import { api, ok, type Schemas } from "../api/client";
import { contractQuery, contractsQuery } from "../api/queries";
import { number } from "../format";
import { type Language, useT } from "../i18n";
import { TenantSelect, useTenant } from "../shell/Shell";
import { detailOf, Skeletons, Tone, Trouble, useSettled } from "./basics";
import { Code, Headers } from "./Code";
import { Confirm } from "./Confirm";
import { ContractTrial } from "./ContractTrial";
import { Diff } from "./Diff";
import { type EventName, EventPicker, eventOf, firstExample, isExample } from "./EventPicker";
import { LazyEditor } from "./LazyEditor";
import { Changes, Follows, Newer, usePublish } from "./Publish";
import { type Schema, type Settings, SettingsForm } from "./SettingsForm";

type Detail = Schemas["ContractDetail"];

const nothing: never[] = [];

/** Something for each setting that is needed, so that a request can be shown. */
function sample(s: Schema): Settings {
  const of = (p: Schema | undefined) =>
    p?.enum?.[0] ??
    { boolean: true, integer: 1, number: 1, array: [], object: {} }[String(p?.type)] ??
    "token-of-the-receiver";
  return Object.fromEntries((s.required ?? []).map((k) => [k, of(s.properties?.[k])]));
}

/** A contract that there is: the text in force, or the one of an earlier version that the address names. */
export function EditContract({ contract: c }: { contract: Detail }) {
  const t = useT();
  const go = useNavigate();
  const { version } = useSearch({ from: "/contracts/$contract" });
  const earlier = useQuery({ ...contractQuery(c.name, t.code as Language, version), enabled: version !== undefined });
  if (earlier.error) return <Trouble error={earlier.error} retry={() => void earlier.refetch()} />;
  if (version !== undefined && !earlier.data) return <Skeletons />;
  const origin = c.versions[0]?.origin;
  return (
    <Stack gap="sm">
      {origin !== undefined && origin !== "posted" && (
        <Alert variant="light" color="gray" icon={<IconFile size={18} />}>
          {t.editor.keeps[origin]}
        </Alert>
      )}
      {version !== undefined && (
        <Alert variant="light" color="blue">
          {t.editor.restoring(number(version, t.locale))}
        </Alert>
      )}
      <ContractEditor
        key={version ?? ""}
        first={earlier.data?.source ?? c.source}
        known={c}
        onStored={(name) => {
          if (name !== c.name) void go({ to: `/contracts/${name}` as "/" });
          else if (version !== undefined)
            void go({ to: ".", search: { tab: "playground", version: undefined } as never, replace: true });
        }}
      />
    </Stack>
  );
}

export function ContractEditor({
  first,
  known,
  onStored,
}: {
  first: string;
  known?: Detail;
  onStored: (name: string) => void;
}) {
  const t = useT();
  const lang = t.code as Language;
  const [loaded] = useState(first); // what others store meanwhile must not replace what is typed
  const [source, setSource] = useState(loaded);
  const [startedFrom, startFrom] = useState(known?.version);
  const [tenant, setTenant] = useState(useTenant());
  const [input, setInput] = useState(() => firstExample(known?.events ?? nothing));
  const [schema, setSchema] = useState((known?.settings ?? {}) as Schema); // of the text as it was when it last was right
  const [filled, fill] = useState<Settings>({});
  const settings = useSettled(JSON.stringify({ ...sample(schema), ...filled }));

  const unsaved = useRef(false);
  const stored = useRef(loaded);
  unsaved.current = source !== stored.current;
  const { check, put, reset, buttons, question } = usePublish(
    source,
    (name, version) => {
      stored.current = source;
      unsaved.current = false;
      startFrom(version);
      onStored(name);
    },
    known && startedFrom !== undefined ? { name: known.name, version: startedFrom } : undefined,
  );
  const leaving = useBlocker({
    shouldBlockFn: () => unsaved.current,
    enableBeforeUnload: () => unsaved.current,
    withResolver: true,
  });

  // The contract that this text would replace: it is the one that the text itself names.
  const name = /^contract:\s*["']?([A-Za-z0-9_.-]+)/m.exec(source)?.[1];
  const list = useQuery(contractsQuery(lang));
  const replaced = list.data?.find((c) => c.name === name);
  const inForce = useQuery({ ...contractQuery(name ?? "", lang), enabled: replaced !== undefined }).data;
  const before = replaced && inForce?.name === name ? inForce : undefined;
  const overtaken = startedFrom !== undefined && before && before.name === known?.name && before.version > startedFrom;

  const settled = useSettled(source, 700);
  const render = useQuery({
    queryKey: ["render", settled, settings, tenant, input],
    placeholderData: keepPreviousData,
    queryFn: () =>
      ok(
        api.POST("/v1/contracts/render", {
          params: { query: { lang } },
          body: {
            source: settled,
            settings: JSON.parse(settings),
            ...eventOf(input),
            ...(isExample(input) ? {} : { tenant }),
          },
        }),
      ),
  });
  const asked = render.data?.settings;
  useEffect(() => {
    if (asked) setSchema(asked as Schema);
  }, [asked]);
  const [types, setTypes] = useState<EventName[]>(known?.events ?? nothing);
  const found = render.data?.event_types;
  useEffect(() => {
    if (found?.length) setTypes(found);
  }, [found]);
  const latest = check.data?.problems.length ? check.data.problems : (render.data?.problems ?? nothing);
  const errorAt = (pointer: string) => latest.filter((p) => p.pointer === pointer).map((p) => detailOf(p, t))[0];
  const marks = useMemo(
    () =>
      latest.flatMap((p) =>
        p.line ? [{ line: p.line, column: p.column ?? 1, text: [p.detail, p.fix].filter(Boolean).join(" ") }] : [],
      ),
    [latest],
  );
  const request = render.data?.request;
  return (
    <SimpleGrid cols={{ base: 1, md: 2 }} spacing="lg">
      <Stack gap="sm" style={{ minWidth: 0 }}>
        <Group justify="space-between" mih={36}>
          <Text fw={620}>{t.contracts.source}</Text>
          {buttons}
        </Group>
        <LazyEditor
          first={loaded}
          language="yaml"
          label={t.contracts.source}
          marks={marks}
          onChange={(text) => {
            reset();
            setSource(text);
          }}
          height="68dvh"
        />
        <Text size="xs" c="dimmed" aria-live="polite">
          {unsaved.current ? t.editor.unsaved : t.editor.tabKey}
        </Text>
      </Stack>
      <Stack gap="sm" style={{ minWidth: 0 }}>
        {question}
        {leaving.status === "blocked" && (
          <Confirm
            title={t.editor.leave}
            text={t.editor.leaveText}
            verb={t.editor.leaveAnyway}
            danger
            onCancel={leaving.reset}
            onConfirm={leaving.proceed}
          />
        )}
        {overtaken && (
          <Alert color="yellow" variant="light" icon={<IconAlertTriangle size={18} />}>
            {t.editor.overtaken(number(before.version, t.locale), number(startedFrom, t.locale))}
          </Alert>
        )}
        {replaced && replaced.name !== known?.name && (
          <Alert color="yellow" variant="light" icon={<IconAlertTriangle size={18} />}>
            {t.library.replaces(replaced.title, replaced.version + 1)}
          </Alert>
        )}
        <div aria-live="polite">
          <Stack gap="sm">
            <Trouble error={put.error ?? check.error ?? render.error} />
            {check.data?.ok && (
              <Alert color="teal" variant="light" icon={<IconCircleCheck />}>
                {t.contracts.valid}
              </Alert>
            )}
            {latest.length > 0 && (
              <Paper p="md">
                <Text size="sm" fw={600} mb="xs">
                  {t.contracts.problems(latest.length)}
                </Text>
                <Stack gap={6}>
                  {latest.map((p, i) => (
                    <Text key={i} size="sm" style={{ overflowWrap: "anywhere" }}>
                      {p.line ? (
                        <Text span fw={550} inherit>
                          {t.contracts.line(p.line)}:{" "}
                        </Text>
                      ) : (
                        p.pointer && <span className="mono">{p.pointer} </span>
                      )}
                      {p.pointer?.startsWith("/event") ? t.contracts.noType : detailOf(p, t)} {p.fix}
                    </Text>
                  ))}
                </Stack>
              </Paper>
            )}
            {check.data?.ok && <Follows check={check.data} inForce={before} />}
            {check.data && <Changes check={check.data} />}
            {check.data && <Newer check={check.data} />}
            {check.data && check.data.tests.length > 0 && (
              <Stack gap={6}>
                {check.data.tests.map((x) => (
                  <Group key={`${x.line}${x.name}`} gap="xs" wrap="nowrap">
                    <Tone color={x.passed ? "teal" : "red"}>{x.passed ? "✓" : "✗"}</Tone>
                    <Text size="sm" style={{ whiteSpace: "pre-wrap", overflowWrap: "anywhere" }}>
                      {x.detail ? `${t.contracts.line(x.line)}: ${x.name}: ${x.detail}` : x.name}
                    </Text>
                  </Group>
                ))}
              </Stack>
            )}
          </Stack>
        </div>
        {before && before.source !== settled && (
          <Diff before={before.source} after={settled} label={t.editor.against(number(before.version, t.locale))} />
        )}
        <Group justify="space-between" mih={36} wrap="nowrap">
          <Text fw={620}>{t.contracts.result}</Text>
          {render.isFetching && <Loader size="xs" aria-label={t.common.loading} />}
        </Group>
        <Group gap="xs">
          <TenantSelect
            size="xs"
            w={{ base: "100%", xs: 180 }}
            value={tenant}
            onChange={(v) => {
              setTenant(v);
              setInput(firstExample(types));
            }}
          />
          <EventPicker tenant={tenant} contract={name ?? ""} events={types} value={input} onChange={setInput} />
        </Group>
        {Object.keys(schema.properties ?? {}).length > 0 && (
          <details>
            <summary>
              <Text span size="sm">
                {t.contracts.settings}
              </Text>
            </summary>
            <Stack gap="sm" mt="xs">
              <SettingsForm
                schema={schema}
                value={{ ...sample(schema), ...filled }}
                onChange={fill}
                errorAt={errorAt}
              />
            </Stack>
          </details>
        )}
        {request && (
          <>
            <Text className="mono" style={{ overflowWrap: "anywhere" }}>
              <b>{request.method}</b> {request.url}
            </Text>
            <Headers headers={request.headers} label={t.delivery.headers} />
            <Code text={request.body} label={t.delivery.body} />
            <ContractTrial
              input={{ source, tenant, settings: { ...sample(schema), ...filled }, ...eventOf(input) }}
              signs={render.data?.signing === true}
              settings={schema}
            />
          </>
        )}
      </Stack>
    </SimpleGrid>
  );
}
