// API keys: made, shown once, replaced, revoked.
import {
  Alert,
  Button,
  Fieldset,
  Group,
  Code as Mono,
  MultiSelect,
  Radio,
  Select,
  Stack,
  TagsInput,
  Text,
  TextInput,
} from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { notifications } from "@mantine/notifications";
import { IconKey, IconPlus } from "@tabler/icons-react";
import { useInfiniteQuery, useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { api, type Key, ok } from "../api/client";
import { contractsQuery, keysQuery, queryClient, tenantsQuery } from "../api/queries";
import { exactTime, localTime, number } from "../format";
import { type Language, useT } from "../i18n";
import { Copy, Empty, PageHead, Time, Tone } from "../parts/basics";
import { Confirm } from "../parts/Confirm";
import { FormModal } from "../parts/FormModal";
import { listError, useSentForm } from "../parts/form";
import { filledIn, keyLimits, type LimitFields, LimitInput } from "../parts/LimitInput";
import { itemsOf, Listing } from "../parts/Listing";

// The scopes of hook/key.go, without which a key may not be limited to; a test in internal/policy compares them.
const scopes = (
  "tenants:read tenants:write tenants:move endpoints:read endpoints:write endpoints:secret endpoints:test " +
  "credentials:read credentials:write events:publish events:read records:read records:write deliveries:read deliveries:retry " +
  "schedules:read schedules:run contracts:read contracts:write keys:read keys:write portal:read portal:write " +
  "stats:read stream:read audit:read personal:read personal:erase system:read system:write"
).split(" ");

export function KeysPage() {
  const t = useT();
  const [making, { open, close }] = useDisclosure();
  const [revoking, setRevoking] = useState<Key>();
  const [rotating, setRotating] = useState<Key>();
  const [ending, setEnding] = useState<Key>();
  const list = useInfiniteQuery(keysQuery());
  const revoke = useMutation({
    mutationFn: (k: Key) => ok(api.DELETE("/v1/keys/{key}", { params: { path: { key: k.id } } })),
    onSuccess: () => {
      notifications.show({ message: t.keys.revoked });
      setRevoking(undefined);
      return queryClient.invalidateQueries({ queryKey: ["keys"] });
    },
  });
  const end = useMutation({
    mutationFn: (k: Key) => ok(api.DELETE("/v1/keys/{key}/earlier", { params: { path: { key: k.id } } })),
    onSuccess: () => {
      notifications.show({ message: t.keys.earlierEnded });
      setEnding(undefined);
      return queryClient.invalidateQueries({ queryKey: ["keys"] });
    },
  });
  const add = (
    <Button leftSection={<IconPlus size={16} />} onClick={open}>
      {t.keys.new}
    </Button>
  );
  return (
    <>
      <PageHead title={t.keys.title} text={t.keys.text}>
        {itemsOf(list).length > 0 && add}
      </PageHead>
      <Listing
        list={list}
        id={(k) => k.id}
        width={720}
        empty={
          <Empty icon={<IconKey size={40} stroke={1.5} />} title={t.keys.empty} text={t.keys.emptyText}>
            {add}
          </Empty>
        }
        columns={[
          { label: t.common.name, cell: (k) => k.name || t.common.unnamed },
          { label: t.keys.role, cell: (k) => t.roles[k.role] },
          {
            label: t.keys.tenant,
            cell: (k) => (k.tenant ? <span className="mono">{k.tenant}</span> : t.keys.allTenants),
          },
          {
            label: t.keys.limits,
            clip: 260,
            cell: (k) => (
              <Text size="xs" className="mono clip">
                {[
                  ...k.scopes,
                  ...k.contracts,
                  ...k.allowed_addresses,
                  ...keyLimits.flatMap((name) => {
                    const n = k.limits[name];
                    return n ? [`${t.tenants.limitNames[name]}: ${number(n, t.locale)}`] : [];
                  }),
                ].join(", ") || "–"}
              </Text>
            ),
          },
          { label: t.keys.lastUsed, cell: (k) => <Time at={k.last_used_at} /> },
          {
            label: t.keys.hint,
            cell: (k) => (
              <div>
                <span className="mono">…{k.hint}</span>
                {k.earlier.map((x) => (
                  <Text key={`${x.hint} ${x.ends_at}`} size="xs" c="dimmed">
                    {t.keys.earlier(x.hint)} <Time at={x.ends_at} />
                  </Text>
                ))}
                {k.earlier.length > 0 && (
                  <Button size="compact-xs" variant="default" mt={4} onClick={() => setEnding(k)}>
                    {t.keys.endEarlier}
                  </Button>
                )}
              </div>
            ),
          },
          { label: t.common.created, cell: (k) => <Time at={k.created_at} /> },
          {
            label: t.keys.expires,
            cell: (k) => (
              <Group gap="xs" wrap="nowrap">
                <Time at={k.expires_at} />
                {k.expires_at && Date.parse(k.expires_at) <= Date.now() && <Tone color="gray">{t.keys.ended}</Tone>}
              </Group>
            ),
          },
          {
            label: t.common.actions,
            action: true,
            cell: (k) => (
              <Group gap="xs" wrap="nowrap">
                <Button size="xs" variant="default" onClick={() => setRotating(k)}>
                  {t.keys.rotate}
                </Button>
                <Button size="xs" variant="default" onClick={() => setRevoking(k)}>
                  {t.keys.revoke}
                </Button>
              </Group>
            ),
          },
        ]}
      />
      <Text size="sm" c="dimmed" mt="md">
        {t.keys.shared}
      </Text>
      {ending && (
        <Confirm
          title={t.keys.endTitle(ending.name || `…${ending.hint}`)}
          text={t.keys.endText}
          verb={t.keys.endEarlier}
          danger
          busy={end.isPending}
          error={end.error}
          onCancel={() => {
            end.reset();
            setEnding(undefined);
          }}
          onConfirm={() => end.mutate(ending)}
        />
      )}
      {rotating && <Rotation of={rotating} onClose={() => setRotating(undefined)} />}
      {making && <NewKey onClose={close} />}
      {revoking && (
        <Confirm
          title={t.keys.revokeTitle(revoking.name || `…${revoking.hint}`)}
          text={t.keys.revokeText}
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

/** A key's text, which is shown once. */
function Once({ made, onClose }: { made: { key: string; expires_at: string | null }; onClose: () => void }) {
  const t = useT();
  return (
    <Stack>
      <Alert color="yellow" variant="light" role="status">
        {t.keys.once}
      </Alert>
      <Group gap="xs" wrap="nowrap">
        <Mono style={{ overflowWrap: "anywhere" }}>{made.key}</Mono>
        <Copy text={made.key} label={t.common.copy} />
      </Group>
      {made.expires_at && (
        <Text size="sm" c="dimmed">
          {t.keys.until(exactTime(made.expires_at, t.locale))}
        </Text>
      )}
      <Group justify="flex-end">
        <Button onClick={onClose}>{t.common.close}</Button>
      </Group>
    </Stack>
  );
}

function Rotation({ of, onClose }: { of: Key; onClose: () => void }) {
  const t = useT();
  const sent = useSentForm({
    initialValues: { overlap: "24h" },
    send: ({ overlap }) =>
      ok(api.POST("/v1/keys/{key}/rotate", { params: { path: { key: of.id } }, body: { overlap: overlap.trim() } })),
    onSuccess: () => queryClient.invalidateQueries({ queryKey: ["keys"] }),
  });
  return (
    <FormModal
      title={t.keys.rotateTitle(of.name || `…${of.hint}`)}
      sent={sent}
      verb={t.keys.rotate}
      result={sent.sending.data && <Once made={sent.sending.data} onClose={onClose} />}
      onClose={onClose}
    >
      <TextInput
        label={t.keys.overlap}
        description={t.keys.overlapHelp}
        {...sent.form.getInputProps("overlap")}
        data-autofocus
      />
    </FormModal>
  );
}

function NewKey({ onClose }: { onClose: () => void }) {
  const t = useT();
  const tenants = useInfiniteQuery(tenantsQuery());
  const contracts = useQuery(contractsQuery(t.code as Language));
  const sent = useSentForm({
    initialValues: {
      name: "",
      role: "tenant" as Key["role"],
      tenant: null as string | null,
      scopes: [] as string[],
      contracts: [] as string[],
      allowed_addresses: [] as string[],
      limits: {} as LimitFields,
      expires_at: "", // as <input type="datetime-local"> has it
    },
    send: ({ name, role, tenant, expires_at, limits, ...narrowed }) =>
      ok(
        api.POST("/v1/keys", {
          body: {
            name: name.trim(),
            role,
            ...narrowed,
            limits: filledIn(limits),
            ...(role !== "operator" && tenant ? { tenant } : {}),
            ...(expires_at ? { expires_at: new Date(expires_at).toISOString() } : {}),
          },
        }),
      ),
    onSuccess: () => queryClient.invalidateQueries({ queryKey: ["keys"] }),
  });
  const { form } = sent;
  const { role } = form.values;
  const made = sent.sending.data;
  return (
    <FormModal
      title={made ? t.keys.onceTitle : t.keys.new}
      sent={sent}
      verb={t.keys.create}
      result={made && <Once made={made} onClose={onClose} />}
      onClose={onClose}
    >
      <TextInput label={t.common.name} {...form.getInputProps("name")} data-autofocus />
      <Radio.Group label={t.keys.role} {...form.getInputProps("role")}>
        <Stack gap="xs" mt={6}>
          {(["operator", "tenant", "publish", "read"] as const).map((r) => (
            <Radio key={r} value={r} label={t.roles[r]} description={t.keys.roleHelp[r]} />
          ))}
        </Stack>
      </Radio.Group>
      {role !== "operator" && (
        <Select
          label={t.keys.tenant}
          placeholder={role === "tenant" ? t.nav.pickTenant : t.keys.allTenants}
          searchable
          clearable
          {...form.getInputProps("tenant")}
          data={(tenants.data?.pages.flatMap((p) => p.items) ?? []).map((x) => ({
            value: x.id,
            label: x.name || x.id,
          }))}
        />
      )}
      <MultiSelect
        label={t.keys.scopes}
        description={t.keys.scopesHelp}
        searchable
        data={scopes}
        {...form.getInputProps("scopes")}
        error={listError(form, "scopes")}
      />
      <MultiSelect
        label={t.keys.contracts}
        searchable
        data={(contracts.data ?? []).map((c) => ({ value: c.name, label: c.title || c.name }))}
        {...form.getInputProps("contracts")}
        error={listError(form, "contracts")}
      />
      <TagsInput
        label={t.keys.addresses}
        description={t.keys.addressesHelp}
        placeholder="192.0.2.0/24"
        {...form.getInputProps("allowed_addresses")}
        error={listError(form, "allowed_addresses")}
      />
      <Fieldset legend={t.keys.use}>
        <Stack>
          <Text size="xs" c="dimmed">
            {t.keys.useHelp} {t.keys.shared}
          </Text>
          {keyLimits.map((name) => (
            <LimitInput key={name} name={name} {...form.getInputProps(`limits.${name}`)} />
          ))}
        </Stack>
      </Fieldset>
      <TextInput
        label={t.keys.expires}
        description={t.keys.expiresHelp}
        type="datetime-local"
        min={localTime(new Date())}
        {...form.getInputProps("expires_at")}
      />
    </FormModal>
  );
}
