// Portal links of a tenant: made, and ended before their time.
import { Button, Paper, Table } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { notifications } from "@mantine/notifications";
import { IconExternalLink, IconPlus } from "@tabler/icons-react";
import { useInfiniteQuery, useMutation } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { useState } from "react";
import { api, ok, type PortalLink as Made } from "../api/client";
import { ofTenant, portalLinksQuery, queryClient } from "../api/queries";
import { useT } from "../i18n";
import { Empty, PageHead, Skeletons, Time, Trouble } from "../parts/basics";
import { Confirm } from "../parts/Confirm";
import { PortalLink } from "../parts/PortalLink";

export function PortalLinksPage() {
  const t = useT();
  const { tenant } = useParams({ from: "/t/$tenant/portal-links" });
  const [making, { open, close }] = useDisclosure();
  const [revoking, setRevoking] = useState<Made>();
  const list = useInfiniteQuery(portalLinksQuery(tenant));
  const items = list.data?.pages.flatMap((p) => p.items) ?? [];
  const revoke = useMutation({
    mutationFn: (l: Made) => ok(api.DELETE("/v1/tenants/{tenant}/portal-links/{link}", { params: { path: { tenant, link: l.id } } })),
    onSuccess: () => {
      notifications.show({ message: t.portalLinks.revoked });
      setRevoking(undefined);
      return queryClient.invalidateQueries({ queryKey: ofTenant(tenant) });
    },
  });
  const add = <Button leftSection={<IconPlus size={16} />} onClick={open}>{t.portalLinks.create}</Button>;
  return (
    <>
      <PageHead title={t.portalLinks.list} text={t.portalLinks.listText}>{items.length > 0 && add}</PageHead>
      <Trouble error={list.error} retry={() => void list.refetch()} />
      {!list.error && (
        <Paper>
          {list.isPending ? <Skeletons /> : items.length === 0 ? <Empty icon={<IconExternalLink size={40} stroke={1.5} />} title={t.portalLinks.empty} text={t.portalLinks.emptyText}>{add}</Empty> : (
            <Table.ScrollContainer minWidth={680} type="native" tabIndex={0}>
              <Table>
                <Table.Thead><Table.Tr><Table.Th>{t.common.name}</Table.Th><Table.Th>{t.keys.role}</Table.Th><Table.Th>{t.common.created}</Table.Th><Table.Th>{t.portalLinks.opened}</Table.Th><Table.Th>{t.portalLinks.ends}</Table.Th><Table.Th aria-label={t.common.actions} /></Table.Tr></Table.Thead>
                <Table.Tbody>
                  {items.map((l) => (
                    <Table.Tr key={l.id}>
                      <Table.Td fw={550}>{l.name || t.common.unnamed}</Table.Td>
                      <Table.Td>{l.read_only ? t.portalLinks.readOnly : t.portalLinks.changes}</Table.Td>
                      <Table.Td><Time at={l.created_at} /></Table.Td>
                      <Table.Td><Time at={l.opened_at} /></Table.Td>
                      <Table.Td><Time at={l.ends_at} /></Table.Td>
                      <Table.Td ta="right"><Button size="xs" variant="default" onClick={() => setRevoking(l)}>{t.keys.revoke}</Button></Table.Td>
                    </Table.Tr>
                  ))}
                </Table.Tbody>
              </Table>
            </Table.ScrollContainer>
          )}
        </Paper>
      )}
      {list.hasNextPage && <Button variant="default" mt="md" loading={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>{t.common.more}</Button>}
      {making && <PortalLink tenant={tenant} onClose={close} />}
      {revoking && (
        <Confirm title={t.portalLinks.revokeTitle(revoking.name || t.common.unnamed)} text={t.portalLinks.revokeText} verb={t.keys.revoke} danger busy={revoke.isPending} error={revoke.error}
          onCancel={() => setRevoking(undefined)} onConfirm={() => revoke.mutate(revoking)} />
      )}
    </>
  );
}
