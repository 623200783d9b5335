import { Anchor, Button, Group, Modal, Paper, Stack, Table, Text, TextInput } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { notifications } from "@mantine/notifications";
import { IconBuilding, IconExternalLink, IconPlus } from "@tabler/icons-react";
import { useInfiniteQuery, useMutation } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { api, ok } from "../api/client";
import { queryClient, tenantsQuery } from "../api/queries";
import { useT } from "../i18n";
import { Empty, PageHead, Skeletons, Time, Trouble } from "../parts/basics";
import { PortalLink } from "../parts/PortalLink";
import { useVisitor } from "../session";

export function TenantsPage() {
  const t = useT();
  const operator = useVisitor().role === "operator";
  const [making, { open, close }] = useDisclosure();
  const [linking, setLinking] = useState<string>();
  const list = useInfiniteQuery(tenantsQuery());
  const items = list.data?.pages.flatMap((p) => p.items) ?? [];
  const add = operator && <Button leftSection={<IconPlus size={16} />} onClick={open}>{t.tenants.new}</Button>;
  return (
    <>
      <PageHead title={t.tenants.title} text={t.tenants.text}>{items.length > 0 && add}</PageHead>
      <Trouble error={list.error} retry={() => void list.refetch()} />
      <Paper>
        {list.isPending ? <Skeletons /> : items.length === 0 && !list.error ? (
          <Empty icon={<IconBuilding size={40} stroke={1.5} />} title={t.tenants.empty} text={t.tenants.emptyText}>{add}</Empty>
        ) : (
          <Table.ScrollContainer minWidth={420} type="native" tabIndex={0}>
            <Table>
              <Table.Thead><Table.Tr><Table.Th>{t.common.name}</Table.Th><Table.Th>{t.tenants.id}</Table.Th><Table.Th>{t.common.created}</Table.Th>{operator && <Table.Th aria-label={t.common.actions} />}</Table.Tr></Table.Thead>
              <Table.Tbody>
                {items.map((x) => (
                  <Table.Tr key={x.id}>
                    <Table.Td><Anchor component={Link} {...{ to: `/t/${encodeURIComponent(x.id)}` }} fw={550}>{x.name || x.id}</Anchor></Table.Td>
                    <Table.Td className="mono">{x.id}</Table.Td>
                    <Table.Td><Time at={x.created_at} /></Table.Td>
                    {operator && <Table.Td ta="right"><Button size="xs" variant="default" leftSection={<IconExternalLink size={14} />} onClick={() => setLinking(x.id)}>{t.portalLinks.title}</Button></Table.Td>}
                  </Table.Tr>
                ))}
              </Table.Tbody>
            </Table>
          </Table.ScrollContainer>
        )}
      </Paper>
      {list.hasNextPage && <Button variant="default" mt="md" loading={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>{t.common.more}</Button>}
      {making && <NewTenant onClose={close} />}
      {linking && <PortalLink tenant={linking} onClose={() => setLinking(undefined)} />}
    </>
  );
}

function NewTenant({ onClose }: { onClose: () => void }) {
  const t = useT();
  const go = useNavigate();
  const [id, setId] = useState("");
  const [name, setName] = useState("");
  const make = useMutation({
    mutationFn: () => ok(api.PUT("/v1/tenants/{tenant}", { params: { path: { tenant: id.trim() } }, body: { name: name.trim() } })),
    onSuccess: () => {
      void queryClient.invalidateQueries({ queryKey: ["tenants"] });
      notifications.show({ message: t.tenants.made(id) });
      void go({ to: "/t/$tenant/endpoints", params: { tenant: id.trim() } });
    },
  });
  return (
    <Modal opened onClose={onClose} title={<Text fw={620}>{t.tenants.new}</Text>} centered closeButtonProps={{ "aria-label": t.common.close }}>
      <form onSubmit={(e) => {
        e.preventDefault();
        make.mutate();
      }}>
        <Stack>
          <TextInput label={t.tenants.id} description={t.tenants.idHelp} required value={id} onChange={(e) => setId(e.currentTarget.value)} data-autofocus placeholder="acme" />
          <TextInput label={t.common.name} value={name} onChange={(e) => setName(e.currentTarget.value)} placeholder="Acme" />
          <Trouble error={make.error} />
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>{t.common.cancel}</Button>
            <Button type="submit" loading={make.isPending}>{t.common.save}</Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
