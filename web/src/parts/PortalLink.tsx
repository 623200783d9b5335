// A link that lets a tenant's own people in.
import { Alert, Anchor, Button, ColorInput, Group, Modal, Select, Stack, Switch, Text, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { api, ok } from "../api/client";
import { ofTenant, queryClient, tenantQuery } from "../api/queries";
import { exactTime } from "../format";
import { type Language, languages, useT } from "../i18n";
import { Copy, Trouble } from "./basics";
import { Code } from "./Code";
import { useSentForm } from "./form";
import { type Access, PortalAccessFields } from "./PortalAccess";

/** What to send: only what was filled in. */
const bodyOf = (v: { name: string; lang: Language | null; accent: string; read_only: boolean; access: Access }) => ({
  ...(v.name.trim() ? { name: v.name.trim() } : {}),
  ...(v.lang ? { lang: v.lang } : {}),
  ...(v.accent ? { accent: v.accent } : {}),
  ...(v.read_only ? { read_only: true } : {}),
  ...v.access,
});

export function PortalLink({ tenant, onClose }: { tenant: string; onClose: () => void }) {
  const t = useT();
  const of = useQuery(tenantQuery(tenant));
  const {
    form,
    sending: make,
    submit,
    trouble,
  } = useSentForm({
    initialValues: { name: "", lang: null as Language | null, accent: "", read_only: false, access: {} as Access },
    send: (v) => ok(api.POST("/v1/tenants/{tenant}/portal-links", { params: { path: { tenant } }, body: bodyOf(v) })),
    onSuccess: () => queryClient.invalidateQueries({ queryKey: ofTenant(tenant) }),
  });
  return (
    <Modal
      opened
      onClose={onClose}
      size="lg"
      title={<Text fw={620}>{t.portalLinks.title}</Text>}
      centered
      closeButtonProps={{ "aria-label": t.common.close }}
    >
      <form onSubmit={submit}>
        <Stack>
          <Text size="sm" c="dimmed">
            {t.portalLinks.text}
          </Text>
          <Group grow align="flex-start">
            <TextInput label={t.common.name} {...form.getInputProps("name")} data-autofocus />
            <Select
              label={t.portalLinks.language}
              data={languages}
              {...form.getInputProps("lang")}
              clearable
              placeholder={t.portalLinks.browser}
            />
            <ColorInput
              withEyeDropper={false}
              label={t.portalLinks.accent}
              {...form.getInputProps("accent")}
              format="hex"
              swatches={["#0c6b58", "#1c4e80", "#5f3dc4", "#a61e4d", "#862e9c", "#364fc7"]}
            />
          </Group>
          <Switch label={t.portalLinks.readOnly} {...form.getInputProps("read_only", { type: "checkbox" })} />
          <details>
            <summary>
              <Text span size="sm">
                {t.portalLinks.linkShows}
              </Text>
            </summary>
            <Text size="sm" c="dimmed" my="xs">
              {t.portalLinks.linkShowsText}
            </Text>
            <PortalAccessFields
              value={form.values.access}
              onChange={(access) => form.setFieldValue("access", access)}
              begin={of.data?.portal}
            />
          </details>
          <Code
            label={t.portalLinks.example}
            text={`POST /v1/tenants/${tenant}/portal-links\n${JSON.stringify(bodyOf(form.values))}`}
          />
          <Trouble error={trouble} />
          {make.data && (
            <Alert color="teal" variant="light" role="status">
              <Group justify="space-between" wrap="nowrap">
                <div style={{ minWidth: 0 }}>
                  <Anchor href={make.data.url} target="_blank" rel="noreferrer" className="mono clip" display="block">
                    {make.data.url}
                  </Anchor>
                  <Text size="xs">{t.portalLinks.until(exactTime(make.data.expires_at, t.locale))}</Text>
                </div>
                <Copy text={make.data.url} label={t.common.copy} />
              </Group>
            </Alert>
          )}
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              {t.common.close}
            </Button>
            <Button type="submit" loading={make.isPending}>
              {t.portalLinks.create}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
