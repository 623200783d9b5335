// A link that lets a tenant's own people in.
import { Alert, Anchor, Button, ColorInput, Group, Modal, Select, Stack, Switch, Text, TextInput } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { api, ok } from "../api/client";
import { ofTenant, queryClient } from "../api/queries";
import { exactTime } from "../format";
import { type Language, languages, useT } from "../i18n";
import { Copy, Trouble } from "./basics";
import { Code } from "./Code";

export function PortalLink({ tenant, onClose }: { tenant: string; onClose: () => void }) {
  const t = useT();
  const [name, setName] = useState("");
  const [lang, setLang] = useState<string | null>(null);
  const [accent, setAccent] = useState("");
  const [readOnly, setReadOnly] = useState(false);
  const body = {
    ...(name.trim() ? { name: name.trim() } : {}),
    ...(lang ? { lang: lang as Language } : {}),
    ...(accent ? { accent } : {}),
    ...(readOnly ? { read_only: true } : {}),
  };
  const make = useMutation({
    mutationFn: () => ok(api.POST("/v1/tenants/{tenant}/portal-links", { params: { path: { tenant } }, body })),
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
      <form
        onSubmit={(e) => {
          e.preventDefault();
          make.mutate();
        }}
      >
        <Stack>
          <Text size="sm" c="dimmed">
            {t.portalLinks.text}
          </Text>
          <Group grow align="flex-start">
            <TextInput
              label={t.common.name}
              value={name}
              onChange={(e) => setName(e.currentTarget.value)}
              data-autofocus
            />
            <Select
              label={t.portalLinks.language}
              data={languages}
              value={lang}
              onChange={setLang}
              clearable
              placeholder={t.portalLinks.browser}
            />
            <ColorInput
              withEyeDropper={false}
              label={t.portalLinks.accent}
              value={accent}
              onChange={setAccent}
              format="hex"
              swatches={["#0c6b58", "#1c4e80", "#5f3dc4", "#a61e4d", "#862e9c", "#364fc7"]}
            />
          </Group>
          <Switch
            label={t.portalLinks.readOnly}
            checked={readOnly}
            onChange={(e) => setReadOnly(e.currentTarget.checked)}
          />
          <Code
            label={t.portalLinks.example}
            text={`POST /v1/tenants/${tenant}/portal-links\n${JSON.stringify(body)}`}
          />
          <Trouble error={make.error} />
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
