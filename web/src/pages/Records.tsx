// What the product last told of its objects: found by contract, kind and key.
import { Anchor, Button, Group, Paper, Select, Table, Text, TextInput } from "@mantine/core";
import { IconDatabase, IconSearch } from "@tabler/icons-react";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { type FormEvent, useState } from "react";
import { recordContractsQuery, recordsQuery } from "../api/queries";
import { type Language, useT } from "../i18n";
import { Empty, PageHead, Skeletons, Time, Trouble } from "../parts/basics";

export function RecordsPage() {
  const t = useT();
  const go = useNavigate();
  const { tenant } = useParams({ from: "/t/$tenant/records" });
  const { contract, kind } = useSearch({ from: "/t/$tenant/records" });
  const [key, setKey] = useState("");
  const contracts = useQuery(recordContractsQuery(t.code as Language));
  const list = useInfiniteQuery(recordsQuery(tenant, { contract, kind }));
  const items = list.data?.pages.flatMap((p) => p.items) ?? [];
  const lookUp = (e: FormEvent) => {
    e.preventDefault();
    if (contract && kind && key.trim()) void go({ to: "/t/$tenant/records/$contract/$kind/$key", params: { tenant, contract, kind, key: key.trim() } });
  };
  return (
    <>
      <PageHead title={t.records.title} text={t.records.text} />
      <Trouble error={contracts.error} retry={() => void contracts.refetch()} />
      <form onSubmit={lookUp}>
        <Group mb="md" gap="sm" role="search" className="filters">
          <Select aria-label={t.records.kind} placeholder={t.records.anyKind} w={280} clearable searchable nothingFoundMessage={t.common.none} value={contract ? `${contract}/${kind ?? ""}` : null}
            data={(contracts.data ?? []).map((c) => ({
              group: c.title, items: [{ value: `${c.name}/`, label: t.records.allOf(c.title) }, ...c.records.map((k) => ({ value: `${c.name}/${k.kind}`, label: k.title || k.kind }))],
            }))}
            onChange={(v) => {
              const [name, of] = v?.split("/") ?? [];
              void go({ to: ".", search: { contract: name, kind: of || undefined }, replace: true });
            }} />
          <TextInput aria-label={t.records.key} placeholder={t.records.key} value={key} onChange={(e) => setKey(e.currentTarget.value)} w={220} spellCheck={false} maxLength={256} />
          <Button type="submit" variant="default" leftSection={<IconSearch size={16} />} disabled={!kind || key.trim() === ""}>{t.records.lookUp}</Button>
        </Group>
      </form>
      <Trouble error={list.error} retry={() => void list.refetch()} />
      {!list.error && (
        <Paper>
          {list.isPending ? <Skeletons /> : items.length === 0 ? <Empty icon={<IconDatabase size={40} stroke={1.5} />} title={t.records.empty} text={t.records.emptyText} /> : (
            <Table.ScrollContainer minWidth={560} type="native" tabIndex={0}>
              <Table>
                <Table.Thead><Table.Tr><Table.Th>{t.records.key}</Table.Th><Table.Th>{t.records.kind}</Table.Th><Table.Th>{t.events.contract}</Table.Th><Table.Th>{t.records.changed}</Table.Th></Table.Tr></Table.Thead>
                <Table.Tbody>
                  {items.map((r) => {
                    const of = contracts.data?.find((c) => c.name === r.contract);
                    return (
                      <Table.Tr key={`${r.contract}/${r.kind}/${r.key}`}>
                        <Table.Td maw={280}><Anchor component={Link} {...({ to: "/t/$tenant/records/$contract/$kind/$key", params: { tenant, contract: r.contract, kind: r.kind, key: r.key } } as object)} className="mono clip" display="block">{r.key}</Anchor></Table.Td>
                        <Table.Td><Text size="sm">{of?.records.find((k) => k.kind === r.kind)?.title || r.kind}</Text></Table.Td>
                        <Table.Td><Text size="sm">{of?.title ?? r.contract}</Text></Table.Td>
                        <Table.Td><Text size="sm"><Time at={r.updated_at} /></Text></Table.Td>
                      </Table.Tr>
                    );
                  })}
                </Table.Tbody>
              </Table>
            </Table.ScrollContainer>
          )}
        </Paper>
      )}
      {list.hasNextPage && <Button variant="default" mt="md" loading={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>{t.common.more}</Button>}
    </>
  );
}
