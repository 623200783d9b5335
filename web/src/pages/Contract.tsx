// One webhook system: what a customer must know of it, and a place to try it.
import {
  Accordion,
  Anchor,
  Button,
  Group,
  Code as Mono,
  Paper,
  SimpleGrid,
  Stack,
  Table,
  Tabs,
  Text,
  Title,
} from "@mantine/core";
import { IconBook2, IconDownload, IconFileText, IconHistory, IconPencil } from "@tabler/icons-react";
import { useMutation, useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { raw, type Schemas } from "../api/client";
import { contractQuery } from "../api/queries";
import { number, parseSpan, span } from "../format";
import { type Language, useT } from "../i18n";
import { Fact, PageHead, Skeletons, Trouble } from "../parts/basics";
import { Code } from "../parts/Code";
import { EditContract } from "../parts/ContractEditor";
import type { Schema } from "../parts/SettingsForm";
import { Versions } from "../parts/Versions";
import { useVisitor } from "../session";

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
          component={Link}
          {...{ to: `/documentation/${c.name}` }}
          leftSection={<IconFileText size={16} />}
        >
          {t.docs.read}
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
            <>
              <Tabs.Tab value="playground" leftSection={<IconPencil size={16} />}>
                {t.contracts.playground}
              </Tabs.Tab>
              <Tabs.Tab value="versions" leftSection={<IconHistory size={16} />}>
                {t.editor.versions}
              </Tabs.Tab>
            </>
          )}
        </Tabs.List>
        <Tabs.Panel value="docs">
          <Docs contract={c} />
        </Tabs.Panel>
        <Tabs.Panel value="playground">
          <EditContract key={c.name} contract={c} />
        </Tabs.Panel>
        <Tabs.Panel value="versions">
          <Versions contract={c} />
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
                    {e.aliases.length > 0 && (
                      <Text size="sm" c="dimmed">
                        {t.contracts.alsoCalled(e.aliases.join(", "))}
                      </Text>
                    )}
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

/** Saves an answer of the API as a file. */
async function download(path: string, name: string) {
  const answer = await raw(path);
  const a = document.createElement("a");
  a.href = URL.createObjectURL(await answer.blob());
  a.download = name;
  a.click();
  setTimeout(() => URL.revokeObjectURL(a.href), 10_000);
}
