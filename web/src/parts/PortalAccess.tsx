// What people see and do in the portal: chosen for a link, or for all links of a tenant.
import { Button, Checkbox, Fieldset, MultiSelect, SegmentedControl, Stack, Text } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { IconAdjustments } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { api, ok, type Schemas, type Tenant } from "../api/client";
import { contractsQuery, queryClient, tenantQuery } from "../api/queries";
import { type Language, useT } from "../i18n";
import { portalActions, portalPages } from "../session";
import { FormModal } from "./FormModal";
import { useSentForm } from "./form";

export type Access = Schemas["PortalAccess"];

/** What is chosen where nothing was said; the server has the same. */
const usual = {
  pages: ["endpoints", "test", "deliveries", "documentation", "credentials"],
  actions: ["edit_endpoints", "edit_credentials", "retry"],
};

/** The three lists. One that is left as usual is not in the value; before it is chosen it begins as begin says. */
export function PortalAccessFields({
  value,
  onChange,
  begin,
}: {
  value: Access;
  onChange: (a: Access) => void;
  begin?: Access;
}) {
  const t = useT();
  const contracts = useQuery(contractsQuery(t.code as Language));
  const known = (contracts.data ?? []).map((c) => ({ value: c.name, label: c.title }));
  const others = (value.contracts ?? []).filter((c) => !known.some((k) => k.value === c));
  const set = (name: keyof Access, list: string[] | undefined) => {
    const { [name]: _, ...rest } = value;
    onChange(list ? { ...rest, [name]: list } : rest);
  };
  const lists = [
    ["pages", t.portalLinks.pages, portalPages, t.portalLinks.pageNames],
    ["actions", t.portalLinks.actions, portalActions, t.portalLinks.actionNames],
  ] as const;
  return (
    <Stack gap="md">
      <MultiSelect
        label={t.portalLinks.contracts}
        description={t.portalLinks.contractsHelp}
        data={[...known, ...others.map((c) => ({ value: c, label: c }))]}
        value={value.contracts ?? []}
        onChange={(list) => set("contracts", list.length > 0 ? list : undefined)}
        searchable
        clearable
      />
      {lists.map(([name, label, all, names]) => (
        <Fieldset key={name} legend={label} radius="md">
          <SegmentedControl
            size="xs"
            aria-label={label}
            value={value[name] ? "chosen" : "usual"}
            onChange={(v) => set(name, v === "chosen" ? (begin?.[name] ?? usual[name]) : undefined)}
            data={[
              { value: "usual", label: t.portalLinks.usual },
              { value: "chosen", label: t.portalLinks.chosen },
            ]}
          />
          {value[name] ? (
            <Checkbox.Group mt="sm" aria-label={label} value={value[name]} onChange={(list) => set(name, list)}>
              <Stack gap={6}>
                {all.map((x) => (
                  <Checkbox key={x} value={x} label={(names as Record<string, string>)[x]} />
                ))}
              </Stack>
            </Checkbox.Group>
          ) : (
            <Text size="sm" c="dimmed" mt="xs">
              {(begin?.[name] ?? usual[name]).map((x) => (names as Record<string, string>)[x] ?? x).join(", ") ||
                t.common.none}
            </Text>
          )}
        </Fieldset>
      ))}
    </Stack>
  );
}

/** What the portal of a tenant shows, to be changed by an operator. */
export function TenantPortal({ tenant, onClose }: { tenant: Tenant; onClose: () => void }) {
  const t = useT();
  const sent = useSentForm({
    initialValues: { portal: tenant.portal as Access },
    send: ({ portal }) =>
      ok(api.PUT("/v1/tenants/{tenant}", { params: { path: { tenant: tenant.id } }, body: { portal } })),
    onSuccess: (now) => {
      queryClient.setQueryData(tenantQuery(tenant.id).queryKey, now);
      void queryClient.invalidateQueries({ queryKey: ["tenants"] });
      notifications.show({ message: t.portalLinks.savedAccess });
      onClose();
    },
  });
  return (
    <FormModal
      title={t.portalLinks.showsOf(tenant.name || tenant.id)}
      size="lg"
      sent={sent}
      verb={t.common.save}
      onClose={onClose}
    >
      <Text size="sm" c="dimmed">
        {t.portalLinks.showsText}
      </Text>
      <PortalAccessFields
        value={sent.form.values.portal}
        onChange={(portal) => sent.form.setFieldValue("portal", portal)}
      />
    </FormModal>
  );
}

/** The button that opens it on the page of portal links. */
export function TenantPortalButton({ tenant: id }: { tenant: string }) {
  const t = useT();
  const [open, setOpen] = useState(false);
  const tenant = useQuery(tenantQuery(id));
  return (
    <>
      <Button
        variant="default"
        leftSection={<IconAdjustments size={16} />}
        disabled={!tenant.data}
        onClick={() => setOpen(true)}
      >
        {t.portalLinks.shows}
      </Button>
      {open && tenant.data && <TenantPortal tenant={tenant.data} onClose={() => setOpen(false)} />}
    </>
  );
}
