import { ActionIcon, Alert, Anchor, Button, Checkbox, Group, Menu, Stack, Text, TextInput } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { notifications } from "@mantine/notifications";
import {
  IconAdjustments,
  IconBuilding,
  IconDots,
  IconEraser,
  IconExternalLink,
  IconFileExport,
  IconFileImport,
  IconGauge,
  IconNetwork,
  IconPlus,
} from "@tabler/icons-react";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { api, ok, type Tenant } from "../api/client";
import { ofTenant, queryClient, tenantsQuery, usageQuery } from "../api/queries";
import { exactTime, number } from "../format";
import { useT } from "../i18n";
import { Copy, Empty, Fact, PageHead, Time } from "../parts/basics";
import { FormModal } from "../parts/FormModal";
import { useSentForm } from "../parts/form";
import { filledIn, type LimitFields, LimitInput, type LimitName, tenantLimits } from "../parts/LimitInput";
import { Columns, itemsOf, Listing, when } from "../parts/Listing";
import { ExportTenant, ImportTenant } from "../parts/MoveTenant";
import { TenantPortal } from "../parts/PortalAccess";
import { PortalLink } from "../parts/PortalLink";
import { useVisitor } from "../session";
import { forgetTenant } from "../shell/Shell";

export function TenantsPage() {
  const t = useT();
  const operator = useVisitor().role === "operator";
  const [making, { open, close }] = useDisclosure();
  const [linking, setLinking] = useState<string>();
  const [showing, setShowing] = useState<Tenant>();
  const [limiting, setLimiting] = useState<Tenant>();
  const [exporting, setExporting] = useState<Tenant>();
  const [importing, setImporting] = useState(false);
  const [erasing, setErasing] = useState<Tenant>();
  const list = useInfiniteQuery(tenantsQuery());
  const add = operator && (
    <>
      <Button variant="default" leftSection={<IconFileImport size={16} />} onClick={() => setImporting(true)}>
        {t.move.import}
      </Button>
      <Button leftSection={<IconPlus size={16} />} onClick={open}>
        {t.tenants.new}
      </Button>
    </>
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
                <Menu position="bottom-end" width={210}>
                  <Menu.Target>
                    <ActionIcon variant="subtle" color="gray" aria-label={t.endpoints.menu(x.name || x.id)}>
                      <IconDots size={18} />
                    </ActionIcon>
                  </Menu.Target>
                  <Menu.Dropdown>
                    <Menu.Item leftSection={<IconExternalLink size={16} />} onClick={() => setLinking(x.id)}>
                      {t.portalLinks.title}
                    </Menu.Item>
                    <Menu.Item leftSection={<IconAdjustments size={16} />} onClick={() => setShowing(x)}>
                      {t.portalLinks.shows}
                    </Menu.Item>
                    <Menu.Item
                      component={Link}
                      {...({ to: "/t/$tenant/network", params: { tenant: x.id } } as object)}
                      leftSection={<IconNetwork size={16} />}
                    >
                      {t.network.title}
                    </Menu.Item>
                    <Menu.Item leftSection={<IconFileExport size={16} />} onClick={() => setExporting(x)}>
                      {t.move.export}
                    </Menu.Item>
                    <Menu.Item color="red" leftSection={<IconEraser size={16} />} onClick={() => setErasing(x)}>
                      {t.erase.verb}
                    </Menu.Item>
                  </Menu.Dropdown>
                </Menu>
              </Group>
            ),
          }),
        ]}
      />
      {making && <NewTenant onClose={close} />}
      {showing && <TenantPortal tenant={showing} onClose={() => setShowing(undefined)} />}
      {limiting && <Limits tenant={limiting} onClose={() => setLimiting(undefined)} />}
      {exporting && <ExportTenant tenant={exporting} onClose={() => setExporting(undefined)} />}
      {importing && <ImportTenant onClose={() => setImporting(false)} />}
      {erasing && <Erase tenant={erasing} onClose={() => setErasing(undefined)} />}
      {linking && <PortalLink tenant={linking} onClose={() => setLinking(undefined)} />}
    </>
  );
}

function NewTenant({ onClose }: { onClose: () => void }) {
  const t = useT();
  const go = useNavigate();
  const sent = useSentForm({
    initialValues: { tenant: "", name: "" },
    needed: ["tenant"],
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

/** What a tenant uses and may use. An operator changes the limits here, and whether its payloads are encrypted. */
function Limits({ tenant, onClose }: { tenant: Tenant; onClose: () => void }) {
  const t = useT();
  const usage = useQuery(usageQuery(tenant.id));
  const sent = useSentForm({
    initialValues: { limits: { ...tenant.limits } as LimitFields, seal: tenant.seal_payloads },
    send: ({ limits, seal }) =>
      ok(
        api.PUT("/v1/tenants/{tenant}", {
          params: { path: { tenant: tenant.id } },
          body: { limits: filledIn(limits), seal_payloads: seal },
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
      <Checkbox
        label={t.tenants.sealPayloads}
        description={t.tenants.sealPayloadsHelp}
        {...sent.form.getInputProps("seal", { type: "checkbox" })}
      />
    </FormModal>
  );
}

/** Removes a tenant with all its data, once its id was typed, and shows the report. */
function Erase({ tenant, onClose }: { tenant: Tenant; onClose: () => void }) {
  const t = useT();
  const name = tenant.name || tenant.id;
  const sent = useSentForm({
    initialValues: { typed: "" },
    send: () => ok(api.POST("/v1/tenants/{tenant}/erase", { params: { path: { tenant: tenant.id } } })),
    onSuccess: () => {
      forgetTenant(tenant.id);
      queryClient.removeQueries({ queryKey: ofTenant(tenant.id) });
      return queryClient.invalidateQueries({ queryKey: ["tenants"] });
    },
  });
  const report = sent.sending.data;
  return (
    <FormModal
      title={report ? t.erase.done(name) : t.erase.title(name)}
      sent={sent}
      verb={t.erase.verb}
      ready={sent.form.values.typed.trim() === tenant.id}
      danger
      result={
        report && (
          <Stack>
            <Text size="sm">{t.erase.doneText}</Text>
            <Columns
              items={Object.entries(report.rows).sort()}
              id={([table]) => table}
              width={240}
              columns={[
                { label: t.erase.table, className: "mono", cell: ([table]) => table },
                { label: t.erase.rows, className: "number", cell: ([, n]) => number(n, t.locale) },
              ]}
            />
            <Fact label={t.common.time}>{exactTime(report.ended_at, t.locale)}</Fact>
            <Fact label="SHA-256">
              <Group gap={4} wrap="nowrap">
                <span className="mono">{report.sha256}</span>
                <Copy text={report.sha256} label={`${t.common.copy}: SHA-256`} />
              </Group>
            </Fact>
            <Group justify="flex-end">
              <Button onClick={onClose}>{t.common.close}</Button>
            </Group>
          </Stack>
        )
      }
      onClose={onClose}
    >
      <Alert color="red" variant="light">
        {t.erase.text}
      </Alert>
      <TextInput
        label={t.erase.type(tenant.id)}
        autoComplete="off"
        spellCheck={false}
        {...sent.form.getInputProps("typed")}
        data-autofocus
      />
      {sent.sending.isPending && (
        <Text size="sm" c="dimmed" role="status">
          {t.erase.running}
        </Text>
      )}
    </FormModal>
  );
}
