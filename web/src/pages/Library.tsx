// Contracts of well-known systems, and a new contract that starts from one.
import { Alert, Anchor, Badge, Button, Group, Paper, Select, SimpleGrid, Stack, Text, TextInput } from "@mantine/core";
import { IconAlertTriangle, IconCircleCheck, IconExternalLink, IconSearch } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useParams } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import type { Schemas } from "../api/client";
import { contractsQuery, libraryContractQuery, libraryQuery } from "../api/queries";
import { type Language, useT } from "../i18n";
import type { Messages } from "../i18n/en";
import { detailOf, Empty, PageHead, Skeletons, Tone, Trouble } from "../parts/basics";
import { LazyEditor } from "../parts/LazyEditor";
import { Changes, Newer, usePublish } from "../parts/Publish";

type Entry = Schemas["LibraryEntry"];

export function LibraryPage() {
  const t = useT();
  const list = useQuery(libraryQuery(t.code as Language));
  const [words, setWords] = useState("");
  const [category, setCategory] = useState<string | null>(null);
  const found = list.data?.filter((e) => (!category || e.category === category) && matches(e, words, t));
  const categories = [...new Set(list.data?.map((e) => e.category ?? "").filter(Boolean))].map((value) => ({
    value,
    label: categoryOf(value, t),
  }));
  categories.sort((a, b) => a.label.localeCompare(b.label));
  return (
    <>
      <Back to="/contracts" label={t.contracts.title} />
      <PageHead title={t.library.title} text={t.library.text} />
      <Group mb="lg" gap="sm" align="flex-end">
        <TextInput
          label={t.library.search}
          leftSection={<IconSearch size={16} />}
          value={words}
          onChange={(e) => setWords(e.currentTarget.value)}
          style={{ flex: "1 1 14rem" }}
        />
        <Select
          label={t.library.category}
          placeholder={t.library.all}
          clearable
          data={categories}
          value={category}
          onChange={setCategory}
        />
      </Group>
      <Trouble error={list.error} retry={() => void list.refetch()} />
      {list.isPending && <Skeletons />}
      {found?.length === 0 && <Empty icon={<IconSearch />} title={t.library.none} text={t.library.noneText} />}
      <SimpleGrid cols={{ base: 1, sm: 2, lg: 3 }}>
        {found?.map((e) => (
          <Paper key={e.name} p="md" component="article">
            <Anchor component={Link} {...{ to: `/library/${e.name}` }} fw={620}>
              {e.title}
            </Anchor>
            <Text size="sm" c="dimmed" mb="xs" style={{ overflowWrap: "anywhere" }}>
              {e.signature ?? t.library.unsigned}
            </Text>
            <Group gap={6}>
              {e.category && <Badge variant="default">{categoryOf(e.category, t)}</Badge>}
              {e.tests > 0 && <Badge variant="default">{t.library.full}</Badge>}
            </Group>
          </Paper>
        ))}
      </SimpleGrid>
    </>
  );
}

function categoryOf(category: string, t: Messages): string {
  return t.library.categories[category] ?? category;
}

/** Whether all words stand in what the list shows of a contract. */
function matches(e: Entry, words: string, t: Messages): boolean {
  const text = [e.name, e.title, e.category && categoryOf(e.category, t), e.signature, e.event_header]
    .join("\n")
    .toLowerCase();
  return words
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}

function Back({ to, label }: { to: string; label: string }) {
  return (
    <Anchor component={Link} {...{ to }} size="sm" c="dimmed">
      ← {label}
    </Anchor>
  );
}

/** A new contract that starts from one of the library. */
export function NewContractPage() {
  const t = useT();
  const { template } = useParams({ strict: false }) as { template: string };
  const detail = useQuery(libraryContractQuery(template, t.code as Language));
  return (
    <>
      <Back to="/library" label={t.library.title} />
      <PageHead title={detail.data?.title ?? template} text={detail.data?.about || t.library.start}>
        {detail.data?.document && (
          <Button
            component="a"
            href={detail.data.document}
            target="_blank"
            rel="noreferrer"
            variant="default"
            rightSection={<IconExternalLink size={16} />}
          >
            {t.library.document}
          </Button>
        )}
      </PageHead>
      <Trouble error={detail.error} retry={() => void detail.refetch()} />
      {detail.isPending && <Skeletons />}
      {detail.data && <NewContract key={template} first={detail.data.source} />}
    </>
  );
}

function NewContract({ first }: { first: string }) {
  const t = useT();
  const go = useNavigate();
  const [source, setSource] = useState(first);
  const inForce = useQuery(contractsQuery(t.code as Language));
  const { check, put, reset, buttons, question } = usePublish(
    source,
    (name) => void go({ to: `/contracts/${name}` as "/" }),
  );
  const name = /^contract:\s*([a-z0-9_-]+)/m.exec(source)?.[1];
  const replaces = inForce.data?.find((c) => c.name === name);
  const problems = check.data?.problems ?? nothing;
  const marks = useMemo(
    () => problems.flatMap((p) => (p.line ? [{ line: p.line, column: p.column ?? 1, text: p.detail }] : [])),
    [problems],
  );
  return (
    <Stack gap="sm">
      {replaces && (
        <Alert color="yellow" variant="light" icon={<IconAlertTriangle size={18} />}>
          {t.library.replaces(replaces.title, replaces.version + 1)}
        </Alert>
      )}
      <Group justify="flex-end">{buttons}</Group>
      {question}
      <div aria-live="polite">
        <Trouble error={put.error ?? check.error} />
        {check.data?.ok && (
          <Alert color="teal" variant="light" icon={<IconCircleCheck />}>
            {t.contracts.valid}
          </Alert>
        )}
        {problems.length > 0 && (
          <Paper p="md">
            <Text size="sm" fw={600} mb="xs">
              {t.contracts.problems(problems.length)}
            </Text>
            {problems.map((p, i) => (
              <Text key={i} size="sm">
                {p.line && `${t.contracts.line(p.line)}: `}
                {detailOf(p, t)}
              </Text>
            ))}
          </Paper>
        )}
        {check.data?.tests
          .filter((x) => !x.passed)
          .map((x) => (
            <Group key={`${x.line}${x.name}`} gap="xs" wrap="nowrap">
              <Tone color="red">✗</Tone>
              <Text size="sm">
                {x.name}: {x.detail}
              </Text>
            </Group>
          ))}
        {check.data && <Changes check={check.data} />}
        {check.data && <Newer check={check.data} />}
      </div>
      <LazyEditor
        first={first}
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
  );
}

const nothing: Schemas["ProblemError"][] = [];
