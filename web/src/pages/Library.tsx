// Contracts of well-known systems, and a new contract that starts from one.
import { Anchor, Badge, Button, Group, Paper, Select, SimpleGrid, Text, TextInput } from "@mantine/core";
import { IconExternalLink, IconFile, IconSearch } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useParams } from "@tanstack/react-router";
import { useState } from "react";
import type { Schemas } from "../api/client";
import { contractQuery, contractsQuery, libraryContractQuery, libraryQuery } from "../api/queries";
import { type Language, useT } from "../i18n";
import type { Messages } from "../i18n/en";
import { Empty, PageHead, Skeletons, Trouble } from "../parts/basics";
import { ContractEditor } from "../parts/ContractEditor";

type Entry = Schemas["LibraryEntry"];

export function LibraryPage() {
  const t = useT();
  const list = useQuery(libraryQuery(t.code as Language));
  const inForce = useQuery(contractsQuery(t.code as Language));
  const go = useNavigate();
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
      <PageHead title={t.library.title} text={t.library.text}>
        <Button component={Link} {...{ to: "/new-contract" }} variant="default" leftSection={<IconFile size={16} />}>
          {t.editor.own}
        </Button>
        <Select
          aria-label={t.editor.copy}
          placeholder={t.editor.copy}
          searchable
          data={inForce.data?.map((c) => ({ value: c.name, label: c.title })) ?? []}
          value={null}
          onChange={(v) => v && void go({ to: `/new-contract/${v}` as "/" })}
        />
      </PageHead>
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

/** A new contract that starts from an empty one, or from a copy of one in force. */
export function OwnContractPage() {
  const t = useT();
  const { copy } = useParams({ strict: false }) as { copy?: string };
  const copied = useQuery({ ...contractQuery(copy ?? "", t.code as Language), enabled: copy !== undefined });
  return (
    <>
      <Back to="/library" label={t.library.title} />
      <PageHead
        title={copied.data ? t.editor.copyOf(copied.data.title) : t.editor.own}
        text={copy === undefined ? t.editor.ownText : t.library.start}
      />
      <Trouble error={copied.error} retry={() => void copied.refetch()} />
      {copy !== undefined && copied.isPending && <Skeletons />}
      {copy === undefined && <NewContract first={emptyContract(t)} />}
      {copied.data && <NewContract key={copy} first={renamed(copied.data.source, `${copy}-copy`)} />}
    </>
  );
}

/** The text of a contract under another name: both are in force then. */
const renamed = (source: string, name: string) => source.replace(/^contract:.*$/m, `contract: ${name}`);

/** The least that a contract of one's own needs, with what to change said in the reader's language. */
function emptyContract(t: Messages): string {
  const says = t.editor.template;
  return `# ${says.name}
contract: my-system
title: ${says.title}

# ${says.events}
events:
  order.paid:
    title: ${says.eventTitle}
    example: |-
      {"id": "1001", "total": 250.00}

# ${says.endpoint}
endpoint:
  sign: standard-webhooks

# ${says.delivery}
delivery:
  timeout: 15s
  retry: [0s, 5s, 5m, 30m, 2h]
`;
}

function NewContract({ first }: { first: string }) {
  const go = useNavigate();
  return <ContractEditor first={first} onStored={(name) => void go({ to: `/contracts/${name}` as "/" })} />;
}
