// Portal links of a tenant: made, and ended before their time.
import { Button } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { notifications } from "@mantine/notifications";
import { IconExternalLink, IconPlus } from "@tabler/icons-react";
import { useInfiniteQuery, useMutation } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { useState } from "react";
import { api, type PortalLink as Made, ok } from "../api/client";
import { ofTenant, portalLinksQuery, queryClient } from "../api/queries";
import { useT } from "../i18n";
import { Empty, PageHead, Time } from "../parts/basics";
import { Confirm } from "../parts/Confirm";
import { itemsOf, Listing } from "../parts/Listing";
import { TenantPortalButton } from "../parts/PortalAccess";
import { PortalLink } from "../parts/PortalLink";
import { useVisitor } from "../session";

export function PortalLinksPage() {
  const t = useT();
  const { tenant } = useParams({ from: "/t/$tenant/portal-links" });
  const operator = useVisitor().role === "operator";
  const [making, { open, close }] = useDisclosure();
  const [revoking, setRevoking] = useState<Made>();
  const list = useInfiniteQuery(portalLinksQuery(tenant));
  const revoke = useMutation({
    mutationFn: (l: Made) =>
      ok(api.DELETE("/v1/tenants/{tenant}/portal-links/{link}", { params: { path: { tenant, link: l.id } } })),
    onSuccess: () => {
      notifications.show({ message: t.portalLinks.revoked });
      setRevoking(undefined);
      return queryClient.invalidateQueries({ queryKey: ofTenant(tenant) });
    },
  });
  const add = (
    <Button leftSection={<IconPlus size={16} />} onClick={open}>
      {t.portalLinks.create}
    </Button>
  );
  return (
    <>
      <PageHead title={t.portalLinks.list} text={t.portalLinks.listText}>
        {operator && <TenantPortalButton tenant={tenant} />}
        {itemsOf(list).length > 0 && add}
      </PageHead>
      <Listing
        list={list}
        id={(l) => l.id}
        width={680}
        empty={
          <Empty
            icon={<IconExternalLink size={40} stroke={1.5} />}
            title={t.portalLinks.empty}
            text={t.portalLinks.emptyText}
          >
            {add}
          </Empty>
        }
        columns={[
          { label: t.common.name, cell: (l) => l.name || t.common.unnamed },
          { label: t.keys.role, cell: (l) => (l.read_only ? t.portalLinks.readOnly : t.portalLinks.changes) },
          { label: t.common.created, cell: (l) => <Time at={l.created_at} /> },
          { label: t.portalLinks.opened, cell: (l) => <Time at={l.opened_at} /> },
          { label: t.portalLinks.ends, cell: (l) => <Time at={l.ends_at} /> },
          {
            label: t.common.actions,
            action: true,
            cell: (l) => (
              <Button size="xs" variant="default" onClick={() => setRevoking(l)}>
                {t.keys.revoke}
              </Button>
            ),
          },
        ]}
      />
      {making && <PortalLink tenant={tenant} onClose={close} />}
      {revoking && (
        <Confirm
          title={t.portalLinks.revokeTitle(revoking.name || t.common.unnamed)}
          text={t.portalLinks.revokeText}
          verb={t.keys.revoke}
          danger
          busy={revoke.isPending}
          error={revoke.error}
          onCancel={() => setRevoking(undefined)}
          onConfirm={() => revoke.mutate(revoking)}
        />
      )}
    </>
  );
}
