// Who changed what.
import { Button, Paper, Table, Text } from "@mantine/core";
import { IconHistory } from "@tabler/icons-react";
import { useInfiniteQuery } from "@tanstack/react-query";
import { auditQuery } from "../api/queries";
import { useT } from "../i18n";
import { Empty, PageHead, Skeletons, Time, Trouble } from "../parts/basics";

export function AuditPage() {
  const t = useT();
  const list = useInfiniteQuery(auditQuery());
  const items = list.data?.pages.flatMap((p) => p.items) ?? [];
  return (
    <>
      <PageHead title={t.audit.title} text={t.audit.text} />
      <Trouble error={list.error} retry={() => void list.refetch()} />
      {!list.error && (
        <Paper>
          {list.isPending ? <Skeletons /> : items.length === 0 ? <Empty icon={<IconHistory size={40} stroke={1.5} />} title={t.audit.empty} text={t.audit.emptyText} /> : (
            <Table.ScrollContainer minWidth={680} type="native" tabIndex={0}>
              <Table>
                <Table.Thead><Table.Tr><Table.Th>{t.audit.who}</Table.Th><Table.Th>{t.audit.what}</Table.Th><Table.Th>{t.audit.object}</Table.Th><Table.Th>{t.nav.tenant}</Table.Th><Table.Th>{t.common.time}</Table.Th></Table.Tr></Table.Thead>
                <Table.Tbody>
                  {items.map((a) => (
                    <Table.Tr key={a.id}>
                      <Table.Td><Text size="sm" fw={550}>{a.actor.kind === "system" ? t.audit.gancho : a.actor.name === "admin" ? t.signIn.admin : a.actor.name || t.roles[a.actor.role] || "–"}</Text></Table.Td>
                      <Table.Td><Text size="sm">{t.audit.actions[a.action] ?? a.action}</Text>{a.fields.length > 0 && <Text size="xs" c="dimmed" className="mono">{a.fields.join(", ")}</Text>}</Table.Td>
                      <Table.Td maw={260}><Text size="sm" className="clip">{a.name || a.object}</Text></Table.Td>
                      <Table.Td className="mono">{a.tenant}</Table.Td>
                      <Table.Td><Text size="sm"><Time at={a.at} /></Text></Table.Td>
                    </Table.Tr>
                  ))}
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
