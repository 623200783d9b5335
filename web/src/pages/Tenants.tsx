import { Anchor, Button, Group, Text, TextInput } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { notifications } from "@mantine/notifications";
import { IconBuilding, IconExternalLink, IconGauge, IconPlus } from "@tabler/icons-react";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { api, ok, type Tenant } from "../api/client";
import { queryClient, tenantsQuery, usageQuery } from "../api/queries";
import { number } from "../format";
import { useT } from "../i18n";
import { Empty, PageHead, Time } from "../parts/basics";
import { FormModal } from "../parts/FormModal";
import { useSentForm } from "../parts/form";
import { filledIn, type LimitFields, LimitInput, type LimitName, tenantLimits } from "../parts/LimitInput";
import { itemsOf, Listing, when } from "../parts/Listing";
import { PortalLink } from "../parts/PortalLink";
import { useVisitor } from "../session";

export function TenantsPage() {
  const t = useT();
  const operator = useVisitor().role === "operator";
  const [making, { open, close }] = useDisclosure();
  const [linking, setLinking] = useState<string>();
  const [limiting, setLimiting] = useState<Tenant>();
  const list = useInfiniteQuery(tenantsQuery());
  const add = operator && (
    <Button leftSection={<IconPlus size={16} />} onClick={open}>
      {t.tenants.new}
    </Button>
  );
  return (
    <>
      <PageHead title={t.tenants.title} text={t.tenants.text}>
        {itemsOf(list).length > 0 && add}
      </PageHead>
      <Listing
        list={list}
        id={(x) => x.id}
        width={420}
        empty={
          <Empty icon={<IconBuilding size={40} stroke={1.5} />} title={t.tenants.empty} text={t.tenants.emptyText}>
            {add}
          </Empty>
        }
        columns={[
          {
            label: t.common.name,
            cell: (x) => (
              <Anchor component={Link} {...{ to: `/t/${encodeURIComponent(x.id)}` }} fw={550}>
                {x.name || x.id}
              </Anchor>
            ),
          },
          { label: t.tenants.id, className: "mono", cell: (x) => x.id },
          { label: t.common.created, cell: (x) => <Time at={x.created_at} /> },
          ...when<Tenant>(operator, {
            label: t.common.actions,
            action: true,
            cell: (x) => (
              <Group gap="xs" wrap="nowrap" justify="flex-end">
                <Button
                  size="xs"
                  variant="default"
                  leftSection={<IconGauge size={14} />}
                  onClick={() => setLimiting(x)}
                >
                  {t.tenants.limits}
                </Button>
                <Button
                  size="xs"
                  variant="default"
                  leftSection={<IconExternalLink size={14} />}
                  onClick={() => setLinking(x.id)}
                >
                  {t.portalLinks.title}
                </Button>
              </Group>
            ),
          }),
        ]}
      />
      {making && <NewTenant onClose={close} />}
      {limiting && <Limits tenant={limiting} onClose={() => setLimiting(undefined)} />}
      {linking && <PortalLink tenant={linking} onClose={() => setLinking(undefined)} />}
    </>
  );
}

function NewTenant({ onClose }: { onClose: () => void }) {
  const t = useT();
  const go = useNavigate();
  const sent = useSentForm({
    initialValues: { tenant: "", name: "" },
    send: (v) =>
      ok(
        api.PUT("/v1/tenants/{tenant}", {
          params: { path: { tenant: v.tenant.trim() } },
          body: { name: v.name.trim() },
        }),
      ),
    onSuccess: (made) => {
      void queryClient.invalidateQueries({ queryKey: ["tenants"] });
      notifications.show({ message: t.tenants.made(made.id) });
      void go({ to: "/t/$tenant/endpoints", params: { tenant: made.id } });
    },
  });
  const { form } = sent;
  return (
    <FormModal title={t.tenants.new} sent={sent} verb={t.common.save} onClose={onClose}>
      <TextInput
        label={t.tenants.id}
        description={t.tenants.idHelp}
        required
        {...form.getInputProps("tenant")}
        data-autofocus
        placeholder="acme"
      />
      <TextInput label={t.common.name} {...form.getInputProps("name")} placeholder="Acme" />
    </FormModal>
  );
}

/** What a tenant uses and may use. An operator changes the limits here. */
function Limits({ tenant, onClose }: { tenant: Tenant; onClose: () => void }) {
  const t = useT();
  const usage = useQuery(usageQuery(tenant.id));
  const sent = useSentForm({
    initialValues: { limits: { ...tenant.limits } as LimitFields },
    send: ({ limits }) =>
      ok(
        api.PUT("/v1/tenants/{tenant}", {
          params: { path: { tenant: tenant.id } },
          body: { limits: filledIn(limits) },
        }),
      ),
    onSuccess: () => {
      void queryClient.invalidateQueries({ queryKey: ["tenants"] });
      void queryClient.invalidateQueries({ queryKey: usageQuery(tenant.id).queryKey });
      notifications.show({ message: t.tenants.limitsSaved });
      onClose();
    },
  });
  const used = usage.data && {
    events_per_month: usage.data.events,
    bytes_per_month: usage.data.bytes,
    endpoints: usage.data.endpoints,
  };
  const help = (name: LimitName) => {
    if (!used || !(name in used)) return undefined;
    const n = number(used[name as keyof typeof used], t.locale);
    const limit = usage.data?.limits[name];
    return limit ? t.tenants.used(n, number(limit, t.locale)) : t.tenants.usedUnlimited(n);
  };
  return (
    <FormModal
      title={t.tenants.limitsOf(tenant.name || tenant.id)}
      sent={{ ...sent, trouble: sent.trouble ?? usage.error }}
      verb={t.common.save}
      onClose={onClose}
    >
      {usage.data && (
        <Text size="sm" c="dimmed">
          {t.tenants.limitsText(usage.data.month.slice(0, 10))}
        </Text>
      )}
      {tenantLimits.map((name) => (
        <LimitInput key={name} name={name} description={help(name)} {...sent.form.getInputProps(`limits.${name}`)} />
      ))}
    </FormModal>
  );
}
