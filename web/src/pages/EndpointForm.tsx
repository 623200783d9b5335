// Making and changing an endpoint. The contract says what there is to fill in.
import {
  ActionIcon,
  Alert,
  Anchor,
  Button,
  Collapse,
  Divider,
  Group,
  MultiSelect,
  NumberInput,
  Paper,
  Select,
  Stack,
  Switch,
  TagsInput,
  Text,
  Textarea,
  TextInput,
  UnstyledButton,
} from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { IconChevronDown, IconChevronRight, IconPlus, IconTrash } from "@tabler/icons-react";
import { useMutation, useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useParams } from "@tanstack/react-router";
import { type FormEvent, useState } from "react";
import { api, type Contract, type Endpoint, type EndpointInput, ok, Problem } from "../api/client";
import { contractQuery, contractsQuery, endpointQuery, ofTenant, queryClient } from "../api/queries";
import { type Language, useT } from "../i18n";
import { detailOf, PageHead, Skeletons, Trouble, wrongAt } from "../parts/basics";
import { RetryEditor } from "../parts/RetryEditor";
import { mask, type Schema, type Settings, SettingsForm } from "../parts/SettingsForm";

export function NewEndpointPage() {
  const t = useT();
  const { tenant } = useParams({ from: "/t/$tenant/endpoints/new" });
  const contracts = useQuery(contractsQuery(t.code as Language));
  return (
    <>
      <PageHead title={t.form.newTitle} />
      <Trouble error={contracts.error} retry={() => void contracts.refetch()} />
      {contracts.isPending ? (
        <Skeletons />
      ) : (
        contracts.data && <EndpointForm tenant={tenant} contracts={contracts.data} />
      )}
    </>
  );
}

export function EditEndpointPage() {
  const t = useT();
  const { tenant, endpoint } = useParams({ from: "/t/$tenant/endpoints/$endpoint/edit" });
  const contracts = useQuery(contractsQuery(t.code as Language));
  const e = useQuery({ ...endpointQuery(tenant, endpoint), staleTime: Number.POSITIVE_INFINITY });
  return (
    <>
      <PageHead title={t.form.editTitle} text={e.data?.name} />
      <Trouble error={contracts.error ?? e.error} retry={() => void Promise.all([contracts.refetch(), e.refetch()])} />
      {contracts.data && e.data ? (
        <EndpointForm key={e.data.updated_at} tenant={tenant} contracts={contracts.data} endpoint={e.data} />
      ) : (
        !contracts.error && !e.error && <Skeletons />
      )}
    </>
  );
}

interface Draft {
  contract: string;
  name: string;
  url: string;
  method: string;
  events: string[];
  settings: Settings;
  filter: string;
  headers: [string, string][];
  timeout: number | "";
  retry: string[];
  rate: number | "";
  concurrency: number | "";
  ordered: boolean;
  transformation: string;
}

function draftOf(e: Endpoint | undefined, contract: string): Draft {
  return {
    contract: e?.contract ?? contract,
    name: e?.name ?? "",
    url: e?.url ?? "",
    method: e?.method ?? "",
    events: e?.event_types ?? [],
    settings: (e?.settings as Settings | undefined) ?? {},
    filter: e?.filter ?? "",
    headers: Object.entries(e?.headers ?? {}),
    timeout: e ? e.timeout_ms / 1000 : "",
    retry: e?.retry ?? [],
    rate: e?.rate_limit?.per_second ?? "",
    concurrency: e?.concurrency ?? "",
    ordered: e?.ordered ?? false,
    transformation: e?.transformation ?? "",
  };
}

/** What to send: the basics always, the rest only where it was touched. */
function inputOf(d: Draft, was: Draft): EndpointInput {
  const changed = (k: keyof Draft) => JSON.stringify(d[k]) !== JSON.stringify(was[k]);
  return {
    name: d.name.trim(),
    url: d.url.trim(),
    event_types: d.events,
    settings: d.settings as EndpointInput["settings"],
    ...(d.method && changed("method") ? { method: d.method } : {}),
    ...(changed("filter") ? { filter: d.filter.trim() } : {}),
    ...(changed("timeout") && d.timeout !== "" ? { timeout_ms: Math.round(d.timeout * 1000) } : {}),
    ...(changed("retry") && d.retry.length > 0 ? { retry: d.retry.map((r) => r.trim()) } : {}),
    ...(changed("concurrency") && d.concurrency !== "" ? { concurrency: d.concurrency } : {}),
    ...(changed("ordered") ? { ordered: d.ordered } : {}),
    ...(changed("transformation") ? { transformation: d.transformation } : {}),
    ...(changed("rate") && d.rate !== "" ? { rate_limit: { per_second: d.rate } } : {}),
  };
}

function EndpointForm({ tenant, contracts, endpoint }: { tenant: string; contracts: Contract[]; endpoint?: Endpoint }) {
  const t = useT();
  const go = useNavigate();
  const first = contracts.find((c) => c.name === "standard") ?? contracts[0];
  const [was] = useState(() => draftOf(endpoint, first?.name ?? "standard"));
  const [d, setDraft] = useState(was);
  const set = <K extends keyof Draft>(k: K, v: Draft[K]) => setDraft((old) => ({ ...old, [k]: v }));
  const contract = contracts.find((c) => c.name === d.contract);
  const detail = useQuery(contractQuery(d.contract, t.code as Language)).data;
  const settings = (contract?.settings ?? {}) as Schema;
  const [more, setMore] = useState(false);

  const save = useMutation({
    mutationFn: async () => {
      const input = inputOf(d, was);
      if (!endpoint) {
        const headers = Object.fromEntries(d.headers.filter(([k]) => k.trim()));
        return ok(
          api.POST("/v1/tenants/{tenant}/endpoints", {
            params: { path: { tenant } },
            body: { ...input, contract: d.contract, ...(d.headers.length > 0 ? { headers } : {}) },
          }),
        );
      }
      // In a merge patch a member that is null goes away.
      const headers: Record<string, string | null> = {};
      for (const [k] of was.headers) headers[k] = null;
      for (const [k, v] of d.headers) if (k.trim()) headers[k.trim()] = v;
      for (const [k, v] of Object.entries(headers)) if (v === mask) delete headers[k];
      const gone = Object.fromEntries(
        Object.keys(was.settings)
          .filter((k) => !(k in d.settings))
          .map((k) => [k, null]),
      );
      const patch = {
        ...input,
        settings: { ...d.settings, ...gone },
        headers,
        ...(d.rate === "" && was.rate !== "" ? { rate_limit: null } : {}),
      };
      return ok(
        api.PATCH("/v1/tenants/{tenant}/endpoints/{endpoint}", {
          params: { path: { tenant, endpoint: endpoint.id } },
          body: patch as never,
        }),
      );
    },
    onSuccess: async (saved) => {
      notifications.show({ message: endpoint ? t.endpoints.saved : t.endpoints.made });
      queryClient.setQueryData(endpointQuery(tenant, saved.id).queryKey, saved);
      void queryClient.invalidateQueries({ queryKey: [...ofTenant(tenant), "endpoints"] });
      await go({
        to: "/t/$tenant/endpoints/$endpoint",
        params: { tenant, endpoint: saved.id },
        search: { tab: endpoint ? "configuration" : "test" },
      });
    },
  });
  const problem = save.error instanceof Problem ? save.error : undefined;
  const placed = new Set<string>();
  const errorAt = (pointer: string) => {
    const text = wrongAt(pointer, problem, t);
    if (text) placed.add(pointer);
    return text;
  };
  const submit = (e: FormEvent) => {
    e.preventDefault();
    save.mutate();
  };
  const types = contract?.event_types.filter((x) => x.name !== "*") ?? [];
  const free = contract?.event_types.some((x) => x.name === "*") ?? true;
  const eventError = problem?.errors.filter((e) => e.pointer?.startsWith("/event_types")).map((e) => detailOf(e, t))[0];
  const advancedError = problem?.errors.some((e) =>
    /^\/(timeout_ms|retry|concurrency|rate_limit|filter|headers|ordered|transformation)/.test(e.pointer ?? ""),
  );
  const opened = more || advancedError === true;

  return (
    <form onSubmit={submit} noValidate>
      <Paper p={{ base: "md", sm: "xl" }} maw={720}>
        <Stack gap="md">
          {!endpoint && contracts.length > 1 && (
            <Select
              label={t.form.contract}
              description={t.form.contractHelp}
              data={contracts.map((c) => ({ value: c.name, label: c.title }))}
              value={d.contract}
              allowDeselect={false}
              searchable
              error={errorAt("/contract")}
              onChange={(v) => v && setDraft((old) => ({ ...old, contract: v, events: [], settings: {}, method: "" }))}
            />
          )}
          {!endpoint && detail?.endpoint.needs_credential && (
            <Alert color="yellow" variant="light">
              {t.credentials.needed}{" "}
              <Anchor component={Link} {...{ to: `/t/${encodeURIComponent(tenant)}/credentials` }} size="sm">
                {t.credentials.title}
              </Anchor>
            </Alert>
          )}
          <TextInput
            label={t.form.name}
            description={t.form.nameHelp}
            placeholder={t.form.namePlaceholder}
            value={d.name}
            onChange={(e) => set("name", e.currentTarget.value)}
            error={errorAt("/name")}
          />
          <Group align="flex-start" gap="sm">
            {contract && contract.methods.length > 1 && (
              <Select
                label={t.form.method}
                w={116}
                style={{ flex: "none" }}
                data={contract.methods}
                value={d.method || contract.methods[0] || null}
                allowDeselect={false}
                onChange={(v) => set("method", v ?? "")}
                error={errorAt("/method")}
                description={"\u00a0"}
              />
            )}
            <TextInput
              label={t.form.url}
              description={t.form.urlHelp}
              required
              type="url"
              inputMode="url"
              placeholder="https://crm.example.com/webhooks"
              value={d.url}
              style={{ flex: "1 1 14rem" }}
              onChange={(e) => set("url", e.currentTarget.value)}
              error={errorAt("/url")}
            />
          </Group>
          {types.length > 1 && (
            <MultiSelect
              label={t.form.eventTypes}
              description={t.form.eventTypesHelp}
              data={types.map((x) => ({ value: x.name, label: x.title || x.name }))}
              value={d.events}
              searchable
              clearable
              hidePickedOptions
              onChange={(v) => set("events", v)}
              error={eventError}
              maxDropdownHeight={280}
              nothingFoundMessage={t.common.none}
            />
          )}
          {types.length === 0 && free && (
            <TagsInput
              label={t.form.eventTypes}
              description={`${t.form.eventTypesHelp} ${t.form.eventTypesFree}`}
              value={d.events}
              onChange={(v) => set("events", v)}
              placeholder={d.events.length === 0 ? "order.*" : undefined}
              error={eventError}
              acceptValueOnBlur
            />
          )}
          {settings.properties && Object.keys(settings.properties).length > 0 && (
            <SettingsForm schema={settings} value={d.settings} onChange={(v) => set("settings", v)} errorAt={errorAt} />
          )}

          <Divider />
          <UnstyledButton onClick={() => setMore(!opened)} aria-expanded={opened} type="button">
            <Group gap={6}>
              {opened ? <IconChevronDown size={16} /> : <IconChevronRight size={16} />}
              <Text size="sm" fw={600}>
                {t.form.advanced}
              </Text>
            </Group>
          </UnstyledButton>
          <Collapse expanded={opened}>
            {opened && (
              <Stack gap="md">
                <Group grow align="flex-start" preventGrowOverflow={false}>
                  <NumberInput
                    label={t.form.timeout}
                    description={t.form.timeoutHelp}
                    suffix={` ${t.common.seconds}`}
                    min={0.001}
                    max={300}
                    decimalScale={3}
                    value={d.timeout}
                    placeholder={t.form.byDefault}
                    onChange={(v) => set("timeout", v === "" ? "" : Number(v))}
                    error={errorAt("/timeout_ms")}
                  />
                  <NumberInput
                    label={t.form.concurrency}
                    description={t.form.concurrencyHelp}
                    min={1}
                    max={1000}
                    allowDecimal={false}
                    value={d.concurrency}
                    placeholder={t.form.byDefault}
                    onChange={(v) => set("concurrency", v === "" ? "" : Number(v))}
                    error={errorAt("/concurrency")}
                  />
                  <NumberInput
                    label={t.form.rate}
                    description={t.form.rateHelp}
                    min={0}
                    max={100000}
                    value={d.rate}
                    onChange={(v) => set("rate", v === "" ? "" : Number(v))}
                    error={errorAt("/rate_limit/per_second") ?? errorAt("/rate_limit")}
                  />
                </Group>
                {(endpoint?.mode ?? detail?.delivery.mode) === "at_most_once" ? (
                  <Text size="sm" c="dimmed">
                    {t.form.once}
                  </Text>
                ) : d.retry.length > 0 ? (
                  <RetryEditor value={d.retry} onChange={(v) => set("retry", v)} errorAt={errorAt} />
                ) : (
                  <Group justify="space-between">
                    <div>
                      <Text size="sm" fw={500}>
                        {t.form.retry}
                      </Text>
                      <Text size="xs" c="dimmed">
                        {t.form.byDefault}
                      </Text>
                    </div>
                    <Button
                      variant="default"
                      size="xs"
                      onClick={() => set("retry", detail?.delivery.retry ?? ["0s", "5s", "5m", "30m", "2h"])}
                    >
                      {t.form.own}
                    </Button>
                  </Group>
                )}
                <Switch
                  label={t.form.ordered}
                  description={t.form.orderedHelp}
                  checked={d.ordered}
                  onChange={(e) => set("ordered", e.currentTarget.checked)}
                  error={errorAt("/ordered")}
                />
                <Textarea
                  label={t.form.filter}
                  description={t.form.filterHelp}
                  value={d.filter}
                  autosize
                  minRows={1}
                  maxRows={6}
                  classNames={{ input: "mono" }}
                  onChange={(e) => set("filter", e.currentTarget.value)}
                  error={errorAt("/filter")}
                />
                {contract?.shaping === "on" && (
                  <Textarea
                    label={t.form.transformation}
                    description={t.form.transformationHelp}
                    value={d.transformation}
                    autosize
                    minRows={2}
                    maxRows={20}
                    classNames={{ input: "mono" }}
                    spellCheck={false}
                    placeholder={"function handler(webhook) {\n  return webhook\n}"}
                    onChange={(e) => set("transformation", e.currentTarget.value)}
                    error={errorAt("/transformation")}
                  />
                )}
                <HeaderRows
                  value={d.headers}
                  onChange={(v) => set("headers", v)}
                  errors={
                    problem?.errors.filter((e) => e.pointer?.startsWith("/headers")).map((e) => detailOf(e, t)) ?? []
                  }
                />
              </Stack>
            )}
          </Collapse>

          {save.error &&
            !(
              problem &&
              problem.errors.length > 0 &&
              problem.errors.every(
                (e) =>
                  placed.has(e.pointer ?? "") ||
                  e.pointer?.startsWith("/event_types") ||
                  e.pointer?.startsWith("/headers"),
              )
            ) && <Trouble error={save.error} />}
          <Group justify="flex-end">
            <Anchor
              component={Link}
              {...{
                to: endpoint
                  ? `/t/${encodeURIComponent(tenant)}/endpoints/${endpoint.id}`
                  : `/t/${encodeURIComponent(tenant)}/endpoints`,
              }}
              size="sm"
              c="dimmed"
              px="sm"
            >
              {t.common.cancel}
            </Anchor>
            <Button type="submit" loading={save.isPending} disabled={!endpoint && detail?.endpoint.needs_credential}>
              {endpoint ? t.common.save : t.form.create}
            </Button>
          </Group>
        </Stack>
      </Paper>
    </form>
  );
}

function HeaderRows({
  value,
  onChange,
  errors,
}: {
  value: [string, string][];
  onChange: (v: [string, string][]) => void;
  errors: string[];
}) {
  const t = useT();
  const put = (i: number, row: [string, string]) => onChange(value.map((r, j) => (j === i ? row : r)));
  return (
    <Stack gap={6}>
      <Text size="sm" fw={500}>
        {t.form.headers}
      </Text>
      {value.map(([k, v], i) => (
        <Group key={i} gap="xs" wrap="nowrap">
          <TextInput
            aria-label={`${t.common.name} ${i + 1}`}
            placeholder="X-Source"
            value={k}
            style={{ flex: 1 }}
            onChange={(e) => put(i, [e.currentTarget.value, v])}
          />
          <TextInput
            aria-label={`${t.common.value} ${i + 1}`}
            value={v}
            style={{ flex: 2 }}
            onChange={(e) => put(i, [k, e.currentTarget.value])}
          />
          <ActionIcon
            variant="subtle"
            color="gray"
            aria-label={`${t.common.remove} ${i + 1}`}
            onClick={() => onChange(value.filter((_, j) => j !== i))}
          >
            <IconTrash size={16} />
          </ActionIcon>
        </Group>
      ))}
      {errors.map((e) => (
        <Text key={e} size="xs" c="red">
          {e}
        </Text>
      ))}
      <div>
        <Button
          variant="default"
          size="xs"
          leftSection={<IconPlus size={14} />}
          onClick={() => onChange([...value, ["", ""]])}
        >
          {t.common.add}
        </Button>
      </div>
    </Stack>
  );
}
