// What the product last told of its objects: found by contract, kind and key.
import { Anchor, Button, Group, Select, TextInput } from "@mantine/core";
import { IconDatabase, IconSearch } from "@tabler/icons-react";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { type FormEvent, useState } from "react";
import { recordContractsQuery, recordsQuery } from "../api/queries";
import { type Language, useT } from "../i18n";
import { Empty, PageHead, Time, Trouble } from "../parts/basics";
import { Listing } from "../parts/Listing";

export function RecordsPage() {
  const t = useT();
  const go = useNavigate();
  const { tenant } = useParams({ from: "/t/$tenant/records" });
  const { contract, kind } = useSearch({ from: "/t/$tenant/records" });
  const [key, setKey] = useState("");
  const contracts = useQuery(recordContractsQuery(t.code as Language));
  const list = useInfiniteQuery(recordsQuery(tenant, { contract, kind }));
  const of = (name: string) => contracts.data?.find((c) => c.name === name);
  const lookUp = (e: FormEvent) => {
    e.preventDefault();
    if (contract && kind && key.trim())
      void go({ to: "/t/$tenant/records/$contract/$kind/$key", params: { tenant, contract, kind, key: key.trim() } });
  };
  return (
    <>
      <PageHead title={t.records.title} text={t.records.text} />
      <Trouble error={contracts.error} retry={() => void contracts.refetch()} />
      <form onSubmit={lookUp}>
        <Group mb="md" gap="sm" role="search" className="filters">
          <Select
            aria-label={t.records.kind}
            placeholder={t.records.anyKind}
            w={280}
            clearable
            searchable
            nothingFoundMessage={t.common.none}
            value={contract ? `${contract}/${kind ?? ""}` : null}
            data={(contracts.data ?? []).map((c) => ({
              group: c.title,
              items: [
                { value: `${c.name}/`, label: t.records.allOf(c.title) },
                ...c.records.map((k) => ({ value: `${c.name}/${k.kind}`, label: k.title || k.kind })),
              ],
            }))}
            onChange={(v) => {
              const [name, of] = v?.split("/") ?? [];
              void go({ to: ".", search: { contract: name, kind: of || undefined }, replace: true });
            }}
          />
          <TextInput
            aria-label={t.records.key}
            placeholder={t.records.key}
            value={key}
            onChange={(e) => setKey(e.currentTarget.value)}
            w={220}
            spellCheck={false}
            maxLength={256}
          />
          <Button
            type="submit"
            variant="default"
            leftSection={<IconSearch size={16} />}
            disabled={!kind || key.trim() === ""}
          >
            {t.records.lookUp}
          </Button>
        </Group>
      </form>
      <Listing
        list={list}
        id={(r) => `${r.contract}/${r.kind}/${r.key}`}
        width={560}
        empty={
          <Empty icon={<IconDatabase size={40} stroke={1.5} />} title={t.records.empty} text={t.records.emptyText} />
        }
        columns={[
          {
            label: t.records.key,
            clip: 280,
            cell: (r) => (
              <Anchor
                component={Link}
                {...({
                  to: "/t/$tenant/records/$contract/$kind/$key",
                  params: { tenant, contract: r.contract, kind: r.kind, key: r.key },
                } as object)}
                className="mono clip"
                display="block"
              >
                {r.key}
              </Anchor>
            ),
          },
          {
            label: t.records.kind,
            cell: (r) => of(r.contract)?.records.find((k) => k.kind === r.kind)?.title || r.kind,
          },
          { label: t.events.contract, cell: (r) => of(r.contract)?.title ?? r.contract },
          { label: t.records.changed, cell: (r) => <Time at={r.updated_at} /> },
        ]}
      />
    </>
  );
}
