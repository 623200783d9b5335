// One webhook system: what a customer must know of it, and a place to try it.
import {
  Accordion,
  Alert,
  Anchor,
  Button,
  Group,
  Loader,
  Code as Mono,
  Paper,
  SimpleGrid,
  Stack,
  Table,
  Tabs,
  Text,
  Title,
} from "@mantine/core";
import { IconBook2, IconCircleCheck, IconDownload, IconFlask } from "@tabler/icons-react";
import { keepPreviousData, useMutation, useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { useEffect, useMemo, useState } from "react";
import { api, ok, raw, type Schemas } from "../api/client";
import { contractQuery } from "../api/queries";
import { number, parseSpan, span } from "../format";
import { type Language, useT } from "../i18n";
import { detailOf, Fact, PageHead, Skeletons, Tone, Trouble, useSettled } from "../parts/basics";
import { Code, Headers } from "../parts/Code";
import { EventPicker, eventOf, firstExample, isExample } from "../parts/EventPicker";
import { LazyEditor } from "../parts/LazyEditor";
import { Changes, Newer, usePublish } from "../parts/Publish";
import { type Schema, type Settings, SettingsForm } from "../parts/SettingsForm";
import { useVisitor } from "../session";
import { TenantSelect, useTenant } from "../shell/Shell";

type Detail = Schemas["ContractDetail"];

export function ContractPage() {
  const t = useT();
  const go = useNavigate();
  const { contract: name } = useParams({ from: "/contracts/$contract" });
  const { tab = "docs" } = useSearch({ from: "/contracts/$contract" });
  const detail = useQuery(contractQuery(name, t.code as Language));
  const operator = useVisitor().role === "operator";
  const save = useMutation({
    mutationFn: (f: { what: string; end: string }) =>
      download(`/v1/contracts/${name}/${f.what}?lang=${t.code}`, `${name}.${t.code}.${f.end}`),
  });
  const back = (
    <Anchor component={Link} {...{ to: "/contracts" }} size="sm" c="dimmed">
      ← {t.contracts.title}
    </Anchor>
  );
  if (detail.error)
    return (
      <>
        {back}
        <PageHead title={name} />
        <Trouble error={detail.error} retry={() => void detail.refetch()} />
      </>
    );
  if (!detail.data) return <Skeletons />;
  const c = detail.data;
  return (
    <>
      {back}
      <PageHead title={c.title} text={c.about}>
        <Button
          variant="default"
          leftSection={<IconDownload size={16} />}
          loading={save.isPending}
          onClick={() => save.mutate({ what: "docs", end: "md" })}
        >
          {t.contracts.docs}
        </Button>
        <Button
          variant="default"
          leftSection={<IconDownload size={16} />}
          loading={save.isPending}
          onClick={() => save.mutate({ what: "openapi", end: "openapi.json" })}
        >
          {t.contracts.openapi}
        </Button>
      </PageHead>
      <Trouble error={save.error} />
      <Tabs
        value={operator ? tab : "docs"}
        keepMounted={false}
        onChange={(v) => void go({ to: ".", search: { tab: v as "docs" }, replace: true })}
      >
        <Tabs.List mb="lg">
          <Tabs.Tab value="docs" leftSection={<IconBook2 size={16} />}>
            {t.contracts.docs}
          </Tabs.Tab>
          {operator && (
            <Tabs.Tab value="playground" leftSection={<IconFlask size={16} />}>
              {t.contracts.playground}
            </Tabs.Tab>
          )}
        </Tabs.List>
        <Tabs.Panel value="docs">
          <Docs contract={c} />
        </Tabs.Panel>
        <Tabs.Panel value="playground">
          <Playground key={`${c.name} ${c.version}`} contract={c} />
        </Tabs.Panel>
      </Tabs>
    </>
  );
}

function Docs({ contract: c }: { contract: Detail }) {
  const t = useT();
  const settings = Object.entries(((c.settings ?? {}) as Schema).properties ?? {});
  let sum = 0;
  const times = c.delivery.retry.map((r) => (sum += parseSpan(r) ?? 0));
  return (
    <Stack gap="lg">
      <Paper p="lg">
        <SimpleGrid component="dl" cols={{ base: 1, xs: 2, md: 4 }} m={0}>
          <Fact label={t.contracts.methods}>
            <span className="mono">{c.methods.join(", ")}</span>
          </Fact>
          <Fact label={t.form.timeout}>{span(c.delivery.timeout_ms / 1000, t.locale)}</Fact>
          <Fact label={t.delivery.mode}>{t.delivery[c.delivery.mode]}</Fact>
          <Fact label={t.contracts.version}>{number(c.version, t.locale)}</Fact>
          {c.document && /^https?:\/\//i.test(c.document) && URL.canParse(c.document) && (
            <Fact label="URL">
              <Anchor href={c.document} target="_blank" rel="noreferrer" size="sm">
                {new URL(c.document).host}
              </Anchor>
            </Fact>
          )}
        </SimpleGrid>
        {c.delivery.mode === "at_least_once" && (
          <>
            <Text size="xs" c="dimmed" mt="md" mb={6}>
              {t.form.retry}
            </Text>
            <Group gap={6}>
              {times.map((s, i) => (
                <Mono key={i} fz="xs">
                  {s === 0 ? t.form.atOnce : span(s, t.locale)}
                </Mono>
              ))}
            </Group>
          </>
        )}
      </Paper>
      <section aria-labelledby="settings">
        <Title order={2} id="settings" mb="sm">
          {t.contracts.settings}
        </Title>
        <Paper>
          {settings.length === 0 ? (
            <Text p="lg" size="sm" c="dimmed">
              {t.contracts.noSettings}
            </Text>
          ) : (
            <Table.ScrollContainer minWidth={280} type="native" tabIndex={0}>
              <Table>
                <Table.Tbody>
                  {settings.map(([k, s]) => (
                    <Table.Tr key={k}>
                      <Table.Td w="35%" valign="top">
                        <Text size="sm" fw={550}>
                          {s.title ?? k}
                        </Text>
                        <Text className="mono" c="dimmed">
                          {k}
                        </Text>
                      </Table.Td>
                      <Table.Td>
                        <Text size="sm">{s.description}</Text>
                      </Table.Td>
                    </Table.Tr>
                  ))}
                </Table.Tbody>
              </Table>
            </Table.ScrollContainer>
          )}
        </Paper>
      </section>
      <section aria-labelledby="types">
        <Title order={2} id="types" mb="sm">
          {t.contracts.eventTypes}
        </Title>
        <Paper>
          <Accordion>
            {c.events.map((e) => (
              <Accordion.Item key={e.name} value={e.name}>
                <Accordion.Control>
                  <Text size="sm" fw={550}>
                    {e.title || (e.name === "*" ? t.contracts.any : e.name)}
                  </Text>
                  <Text className="mono" c="dimmed">
                    {e.name}
                  </Text>
                </Accordion.Control>
                <Accordion.Panel>
                  <Stack>
                    {e.about && <Text size="sm">{e.about}</Text>}
                    {e.example && <Code text={e.example} label={t.events.payload} />}
                  </Stack>
                </Accordion.Panel>
              </Accordion.Item>
            ))}
          </Accordion>
        </Paper>
      </section>
    </Stack>
  );
}

const nothing: never[] = [];

/** Something for each setting that is needed, so that a request can be shown. */
function sample(s: Schema): Settings {
  const of = (p: Schema | undefined) =>
    p?.enum?.[0] ??
    { boolean: true, integer: 1, number: 1, array: [], object: {} }[String(p?.type)] ??
    "token-of-the-receiver";
  return Object.fromEntries((s.required ?? []).map((k) => [k, of(s.properties?.[k])]));
}

/** Saves an answer of the API as a file. */
async function download(path: string, name: string) {
  const answer = await raw(path);
  const a = document.createElement("a");
  a.href = URL.createObjectURL(await answer.blob());
  a.download = name;
  a.click();
  setTimeout(() => URL.revokeObjectURL(a.href), 10_000);
}

/** The contract on the left, what it makes of an event on the right. */
function Playground({ contract: c }: { contract: Detail }) {
  const t = useT();
  const [source, setSource] = useState(c.source);
  const [tenant, setTenant] = useState(useTenant());
  const [input, setInput] = useState(() => firstExample(c.events));
  const [schema, setSchema] = useState(c.settings as Schema); // of the text as it was when it last was right
  const [filled, fill] = useState<Settings>({});
  const settings = useSettled(JSON.stringify({ ...sample(schema), ...filled }));
  const go = useNavigate();
  const { check, put, reset, buttons, question } = usePublish(
    source,
    (name) => name !== c.name && void go({ to: `/contracts/${name}` as "/" }),
  );
  const settled = useSettled(source, 700);
  const render = useQuery({
    queryKey: ["render", settled, settings, tenant, input],
    placeholderData: keepPreviousData,
    queryFn: () =>
      ok(
        api.POST("/v1/contracts/render", {
          params: { query: { lang: t.code as Language } },
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
  const latest = check.data?.problems.length ? check.data.problems : (render.data?.problems ?? nothing);
  const errorAt = (pointer: string) => latest.filter((p) => p.pointer === pointer).map((p) => detailOf(p, t))[0];
  const marks = useMemo(
    () => latest.flatMap((p) => (p.line ? [{ line: p.line, column: p.column ?? 1, text: p.detail }] : [])),
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
          first={c.source}
          language="yaml"
          label={t.contracts.source}
          marks={marks}
          onChange={(text) => {
            reset();
            setSource(text);
          }}
          height="68dvh"
        />
      </Stack>
      <Stack gap="sm" style={{ minWidth: 0 }}>
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
              setInput(firstExample(c.events));
            }}
          />
          <EventPicker tenant={tenant} contract={c.name} events={c.events} value={input} onChange={setInput} />
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
        {question}
        <div aria-live="polite">
          <Trouble error={put.error ?? check.error ?? render.error} />
          {check.data?.ok && (
            <Alert color="teal" variant="light" icon={<IconCircleCheck />}>
              {t.contracts.valid}
            </Alert>
          )}
          {check.data && <Changes check={check.data} />}
          {check.data && <Newer check={check.data} />}
          {latest.length > 0 && (
            <Paper p="md">
              <Text size="sm" fw={600} mb="xs">
                {t.contracts.problems(latest.length)}
              </Text>
              <Stack gap={6}>
                {latest.map((p, i) => (
                  <Text key={i} size="sm">
                    {p.line ? (
                      <Text span fw={550} inherit>
                        {t.contracts.line(p.line)}:{" "}
                      </Text>
                    ) : (
                      p.pointer && <span className="mono">{p.pointer} </span>
                    )}
                    {p.pointer?.startsWith("/event") ? t.contracts.noType : detailOf(p, t)}
                  </Text>
                ))}
              </Stack>
            </Paper>
          )}
          {check.data && check.data.tests.length > 0 && (
            <Stack gap={6} mt="sm">
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
        </div>
        {request && (
          <>
            <Text className="mono" style={{ overflowWrap: "anywhere" }}>
              <b>{request.method}</b> {request.url}
            </Text>
            <Headers headers={request.headers} label={t.delivery.headers} />
            <Code text={request.body} label={t.delivery.body} />
          </>
        )}
      </Stack>
    </SimpleGrid>
  );
}
