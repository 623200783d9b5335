// Making and changing an endpoint. The contract says what there is to fill in.
import {
  ActionIcon,
  Anchor,
  Button,
  Collapse,
  Divider,
  Group,
  NumberInput,
  Paper,
  Select,
  Stack,
  Switch,
  Text,
  Textarea,
  TextInput,
  UnstyledButton,
} from "@mantine/core";
import type { UseFormReturnType } from "@mantine/form";
import { notifications } from "@mantine/notifications";
import { IconChevronDown, IconChevronRight, IconPlus, IconTrash } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useParams } from "@tanstack/react-router";
import { type ReactNode, useEffect, useState } from "react";
import { api, type Contract, type Endpoint, type EndpointInput, ok, type Schemas } from "../api/client";
import { contractQuery, contractsQuery, endpointQuery, ofTenant, queryClient } from "../api/queries";
import { type Language, useT } from "../i18n";
import { type Auth, AuthForm, authPatch, type Tls, TlsForm } from "../parts/AuthForm";
import { PageHead, Skeletons, Trouble } from "../parts/basics";
import { EventTypes } from "../parts/EventTypes";
import { errorsByPath, pathOf, useSentForm } from "../parts/form";
import { MadeCredential } from "../parts/MadeCredential";
import { NamesOf } from "../parts/Names";
import { RetryEditor } from "../parts/RetryEditor";
import { mask, type Schema, type Settings, SettingsForm } from "../parts/SettingsForm";
import { TryOut } from "../parts/TryOut";

export function NewEndpointPage() {
  const t = useT();
  const { tenant } = useParams({ from: "/t/$tenant/endpoints/new" });
  const contracts = useQuery(contractsQuery(t.code as Language));
  const [contract, setContract] = useState<string>();
  return (
    <NamesOf contract={contract}>
      <FormHead />
      <Trouble error={contracts.error} retry={() => void contracts.refetch()} />
      {contracts.isPending ? (
        <Skeletons />
      ) : (
        contracts.data && <EndpointForm tenant={tenant} contracts={contracts.data} onContract={setContract} />
      )}
    </NamesOf>
  );
}

export function EditEndpointPage() {
  const t = useT();
  const { tenant, endpoint } = useParams({ from: "/t/$tenant/endpoints/$endpoint/edit" });
  const contracts = useQuery(contractsQuery(t.code as Language));
  const e = useQuery({ ...endpointQuery(tenant, endpoint), staleTime: Number.POSITIVE_INFINITY });
  return (
    <NamesOf contract={e.data?.contract}>
      <FormHead of={e.data} />
      <Trouble error={contracts.error ?? e.error} retry={() => void Promise.all([contracts.refetch(), e.refetch()])} />
      {contracts.data && e.data ? (
        <EndpointForm key={e.data.updated_at} tenant={tenant} contracts={contracts.data} endpoint={e.data} />
      ) : (
        !contracts.error && !e.error && <Skeletons />
      )}
    </NamesOf>
  );
}

function FormHead({ of }: { of?: Endpoint }) {
  const t = useT();
  const { endpoint } = useParams({ strict: false });
  return <PageHead title={endpoint ? t.form.editTitle : t.form.newTitle} text={of?.name} />;
}

/** What a person fills in, with the names that the API has. */
type GiveUpOf = "attempts" | "deliveries" | "time";
type GiveUpDo = "disable" | "pause" | "nothing";

interface Draft extends Record<string, unknown> {
  contract: string;
  name: string;
  url: string;
  method: string;
  event_types: string[];
  settings: Settings;
  filter: string;
  headers: [string, string][];
  timeout_ms: number | "";
  retry: string[];
  rate_limit: { per_second: number | "" };
  concurrency: number | "";
  ordered: boolean;
  give_up: { after: string; of: GiveUpOf; do: GiveUpDo };
  transformation: string;
  auth: Auth | null;
  tls: Tls | null;
}

function draftOf(e: Endpoint | undefined, contract: string): Draft {
  return {
    contract: e?.contract ?? contract,
    name: e?.name ?? "",
    url: e?.url ?? "",
    method: e?.method ?? "",
    event_types: e?.event_types ?? [],
    settings: (e?.settings as Settings | undefined) ?? {},
    filter: e?.filter ?? "",
    headers: Object.entries(e?.headers ?? {}),
    timeout_ms: e?.timeout_ms ?? "",
    retry: e?.retry ?? [],
    rate_limit: { per_second: e?.rate_limit?.per_second ?? "" },
    concurrency: e?.concurrency ?? "",
    ordered: e?.ordered ?? false,
    give_up: { after: e?.give_up?.after ?? "", of: e?.give_up?.of || "attempts", do: e?.give_up?.do || "disable" },
    transformation: e?.transformation ?? "",
    auth: e?.auth ?? null,
    tls: e?.tls ?? null,
  };
}

/** What to send: the basics always, the rest only where it was changed. */
function inputOf(d: Draft, was: Draft): EndpointInput {
  const changed = (k: keyof Draft) => JSON.stringify(d[k]) !== JSON.stringify(was[k]);
  const rate = d.rate_limit.per_second;
  return {
    name: d.name.trim(),
    url: d.url.trim(),
    event_types: d.event_types,
    settings: d.settings as EndpointInput["settings"],
    ...(d.method && changed("method") ? { method: d.method } : {}),
    ...(changed("filter") ? { filter: d.filter.trim() } : {}),
    ...(changed("timeout_ms") && d.timeout_ms !== "" ? { timeout_ms: d.timeout_ms } : {}),
    ...(changed("retry") && d.retry.length > 0 ? { retry: d.retry.map((r) => r.trim()) } : {}),
    ...(changed("concurrency") && d.concurrency !== "" ? { concurrency: d.concurrency } : {}),
    ...(changed("ordered") ? { ordered: d.ordered } : {}),
    ...(changed("give_up") && (d.give_up.after.trim() || d.give_up.do === "nothing") ? { give_up: giveUpOf(d) } : {}),
    ...(changed("transformation") ? { transformation: d.transformation } : {}),
    ...(changed("rate_limit") && rate !== "" ? { rate_limit: { per_second: rate } } : {}),
  };
}

/** When the endpoint is given up. Nothing is counted if it is never given up. */
function giveUpOf({ give_up: g }: Draft): EndpointInput["give_up"] {
  return g.do === "nothing" ? { do: g.do } : { ...g, after: g.after.trim() };
}

function createBody(d: Draft, was: Draft): EndpointInput {
  const headers = Object.fromEntries(d.headers.filter(([k]) => k.trim()));
  return {
    ...inputOf(d, was),
    contract: d.contract,
    ...(d.headers.length > 0 ? { headers } : {}),
    ...(d.auth ? { auth: d.auth } : {}),
    ...(d.tls ? { tls: d.tls } : {}),
  };
}

function create(tenant: string, d: Draft, was: Draft, once: string) {
  return ok(
    api.POST("/v1/tenants/{tenant}/endpoints", {
      params: { path: { tenant }, header: { "Idempotency-Key": once } },
      body: createBody(d, was),
    }),
  );
}

/** The draft with the event that nobody is asked for, because there is only one. */
function chosen(d: Draft, of: Schemas["ContractDetail"]): Draft {
  const [only, another] = of.event_types;
  return only && !another && of.endpoint.min_event_types > 0 ? { ...d, event_types: [only.name] } : d;
}

/** In a merge patch a member that is null goes away. */
function changeBody(d: Draft, was: Draft) {
  const headers: Record<string, string | null> = {};
  for (const [k] of was.headers) headers[k] = null;
  for (const [k, v] of d.headers) if (k.trim()) headers[k.trim()] = v;
  for (const [k, v] of Object.entries(headers)) if (v === mask) delete headers[k];
  const gone = Object.fromEntries(
    Object.keys(was.settings)
      .filter((k) => !(k in d.settings))
      .map((k) => [k, null]),
  );
  const unlimited = d.rate_limit.per_second === "" && was.rate_limit.per_second !== "";
  return {
    ...inputOf(d, was),
    settings: { ...d.settings, ...gone },
    headers,
    ...(unlimited ? { rate_limit: null } : {}),
    ...(JSON.stringify(d.auth) !== JSON.stringify(was.auth) ? { auth: authPatch(d.auth) } : {}),
    ...(JSON.stringify(d.tls) !== JSON.stringify(was.tls) ? { tls: d.tls } : {}),
  };
}

function change(endpoint: Endpoint, d: Draft, was: Draft) {
  return ok(
    api.PATCH("/v1/tenants/{tenant}/endpoints/{endpoint}", {
      params: {
        path: { tenant: endpoint.tenant, endpoint: endpoint.id },
        header: { "If-Match": endpoint.etag }, // what somebody else changed since it was read is not overwritten
      },
      body: changeBody(d, was),
    }),
  );
}

/** Tries the endpoint as it is in the form: shows the request, or sends it as well. Nothing is stored. */
function tryOut(tenant: string, endpoint: Endpoint | undefined, d: Draft, was: Draft, send: boolean, lang: Language) {
  const query = { send, lang };
  if (endpoint) {
    const params = { path: { tenant, endpoint: endpoint.id }, query };
    return ok(api.POST("/v1/tenants/{tenant}/endpoints/{endpoint}/try", { params, body: changeBody(d, was) }));
  }
  return ok(
    api.POST("/v1/tenants/{tenant}/endpoints/try", { params: { path: { tenant }, query }, body: createBody(d, was) }),
  );
}

/** An endpoint of a contract whose requests name a credential is made with the credential: of a name and a URL. */
function createWithCredential(tenant: string, d: Draft, once: string) {
  return ok(
    api.POST("/v1/tenants/{tenant}/credentials", {
      params: { path: { tenant }, header: { "Idempotency-Key": once } },
      body: { contract: d.contract, name: d.name.trim(), url: d.url.trim() },
    }),
  );
}

function EndpointForm({
  tenant,
  contracts,
  endpoint,
  onContract,
}: {
  tenant: string;
  contracts: Contract[];
  endpoint?: Endpoint;
  onContract?: (name: string) => void;
}) {
  const t = useT();
  const go = useNavigate();
  const [made, setMade] = useState<Schemas["NewCredential"]>();
  const first = contracts.find((c) => c.name === "standard") ?? contracts[0];
  const [was] = useState(() => draftOf(endpoint, first?.name ?? "standard"));
  const { form, sending, submit, trouble } = useSentForm({
    initialValues: was,
    send: async (d, once): Promise<Endpoint | Schemas["NewCredential"]> => {
      if (endpoint) return change(endpoint, d, was);
      const of = await queryClient.ensureQueryData(contractQuery(d.contract, t.code as Language));
      if (of.endpoint.needs_credential) return createWithCredential(tenant, d, once);
      return create(tenant, chosen(d, of), was, once);
    },
    onSuccess: async (saved) => {
      if ("apiKey" in saved) {
        void queryClient.invalidateQueries({ queryKey: ofTenant(tenant) });
        setMade(saved);
        return;
      }
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
  const d = form.values;
  useEffect(() => onContract?.(d.contract), [d.contract, onContract]);
  const contract = contracts.find((c) => c.name === d.contract);
  const known = useQuery(contractQuery(d.contract, t.code as Language));
  const detail = known.data;
  const settings = (contract?.settings ?? {}) as Schema;
  const keyed = detail?.endpoint.needs_credential === true;
  if (made)
    return (
      <Paper p={{ base: "md", sm: "xl" }} maw={720}>
        <MadeCredential made={made}>
          <Button
            onClick={() =>
              void go({
                to: "/t/$tenant/endpoints/$endpoint",
                params: { tenant, endpoint: made.endpoint ?? "" },
                search: { tab: "test" },
              })
            }
          >
            {t.form.goTest}
          </Button>
        </MadeCredential>
      </Paper>
    );
  const settingsForm = (
    <SettingsForm
      schema={settings}
      value={d.settings}
      onChange={(v) => {
        form.setFieldValue("settings", v);
        form.setErrors(Object.fromEntries(Object.entries(form.errors).filter(([p]) => !p.startsWith("settings."))));
      }}
      errorAt={(pointer) => textAt(form, pathOf(pointer))}
    />
  );
  return (
    <form onSubmit={submit} noValidate>
      <Paper p={{ base: "md", sm: "xl" }} maw={720}>
        <Stack gap="md">
          {!endpoint && contracts.length > 1 && (
            <Select
              label={t.form.contract}
              description={t.form.contractHelp}
              data={contracts.map((c) => ({ value: c.name, label: c.title }))}
              allowDeselect={false}
              searchable
              {...form.getInputProps("contract")}
              onChange={(v) => {
                if (!v) return;
                form.setValues({ ...was, contract: v, name: d.name, url: d.url });
                form.clearErrors();
              }}
            />
          )}
          {keyed && !endpoint && (
            <Text size="sm" c="dimmed">
              {t.credentials.needed}
            </Text>
          )}
          <TextInput
            label={t.form.name}
            description={t.form.nameHelp}
            placeholder={t.form.namePlaceholder}
            required={keyed}
            {...form.getInputProps("name")}
          />
          <Group align="flex-start" gap="sm">
            {contract && contract.methods.length > 1 && (
              <Select
                label={t.form.method}
                w={116}
                style={{ flex: "none" }}
                data={contract.methods}
                allowDeselect={false}
                description={"\u00a0"}
                {...form.getInputProps("method")}
                value={d.method || contract.methods[0] || null}
              />
            )}
            <TextInput
              label={t.form.url}
              description={t.form.urlHelp}
              required
              type="url"
              inputMode="url"
              placeholder="https://crm.example.com/webhooks"
              style={{ flex: "1 1 14rem" }}
              {...form.getInputProps("url")}
            />
          </Group>
          <Trouble error={known.error} retry={() => void known.refetch()} />
          {known.isPending && <Skeletons rows={3} />}
          {detail && !(keyed && !endpoint) && (
            <>
              <EventTypes
                types={detail.event_types}
                least={detail.endpoint.min_event_types}
                most={detail.endpoint.max_event_types}
                value={d.event_types}
                onChange={(v) => form.setFieldValue("event_types", v)}
                error={textsBelow(form, "event_types")[0]}
              />
              {!keyed && settingsForm}
              <Divider />
              <Advanced form={form} contract={detail} mode={endpoint?.mode ?? detail.delivery.mode}>
                {keyed && settingsForm}
              </Advanced>
            </>
          )}
          {detail && (
            <TryOut
              tenant={tenant}
              run={(send) => tryOut(tenant, endpoint, chosen(d, detail), was, send, t.code as Language)}
              onWrong={(e) => {
                const wrong = errorsByPath(e, t);
                if (Object.keys(form.errors).length === 0 && Object.keys(wrong).length > 0) form.setErrors(wrong);
                return Object.keys(wrong).some((p) => (p.split(".")[0] ?? "") in was);
              }}
            />
          )}
          <Trouble error={trouble} settings={settings} />
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
            <Button type="submit" loading={sending.isPending} disabled={!detail}>
              {endpoint ? t.common.save : t.form.create}
            </Button>
          </Group>
        </Stack>
      </Paper>
    </form>
  );
}

type Form = UseFormReturnType<Draft>;

/** The mistake at a path, if there is one. */
function textAt(form: Form, path: string): string | undefined {
  const error = form.errors[path];
  return typeof error === "string" ? error : undefined;
}

/** The mistakes at a path and below it. */
const textsBelow = (form: Form, path: string): string[] =>
  Object.keys(form.errors)
    .filter((p) => p === path || p.startsWith(`${path}.`))
    .flatMap((p) => textAt(form, p) ?? []);

const advanced = [
  "timeout_ms",
  "retry",
  "concurrency",
  "rate_limit",
  "filter",
  "headers",
  "ordered",
  "give_up",
  "transformation",
  "auth",
  "tls",
];
const giveUpDos = ["disable", "pause", "nothing"] as const;
const giveUpOfs = ["attempts", "deliveries", "time"] as const;

/** What most endpoints leave as it is. It is open where something in it is wrong. */
function Advanced({
  form,
  contract,
  mode,
  children,
}: {
  form: Form;
  contract: Schemas["ContractDetail"];
  mode: string;
  children?: ReactNode;
}) {
  const t = useT();
  const [more, setMore] = useState(false);
  const opened = more || advanced.some((path) => textsBelow(form, path).length > 0);
  const d = form.values;
  const number = (v: number | string) => (v === "" ? "" : Number(v));
  return (
    <>
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
            {children}
            <Group grow align="flex-start" preventGrowOverflow={false}>
              <NumberInput
                label={t.form.timeout}
                description={t.form.timeoutHelp}
                suffix={` ${t.common.seconds}`}
                min={0.001}
                max={300}
                decimalScale={3}
                placeholder={t.form.byDefault}
                {...form.getInputProps("timeout_ms")}
                value={d.timeout_ms === "" ? "" : d.timeout_ms / 1000}
                onChange={(v) => form.setFieldValue("timeout_ms", v === "" ? "" : Math.round(Number(v) * 1000))}
              />
              <NumberInput
                label={t.form.concurrency}
                description={t.form.concurrencyHelp}
                min={1}
                max={1000}
                allowDecimal={false}
                placeholder={t.form.byDefault}
                {...form.getInputProps("concurrency")}
                onChange={(v) => form.setFieldValue("concurrency", number(v))}
              />
              <NumberInput
                label={t.form.rate}
                description={t.form.rateHelp}
                min={0}
                max={100000}
                {...form.getInputProps("rate_limit.per_second")}
                error={textsBelow(form, "rate_limit")[0]}
                onChange={(v) => form.setFieldValue("rate_limit.per_second", number(v))}
              />
            </Group>
            <Retries form={form} contract={contract} mode={mode} />
            <Switch
              label={t.form.ordered}
              description={t.form.orderedHelp}
              {...form.getInputProps("ordered", { type: "checkbox" })}
            />
            <Group grow align="flex-end" preventGrowOverflow={false}>
              <Select
                label={t.form.giveUp}
                data={giveUpDos.map((value) => ({ value, label: t.form.giveUpDo[value] }))}
                allowDeselect={false}
                {...form.getInputProps("give_up.do")}
              />
              {d.give_up.do !== "nothing" && (
                <>
                  <TextInput
                    label={t.form.giveUpAfter}
                    placeholder={t.form.byDefault}
                    {...form.getInputProps("give_up.after")}
                    error={textsBelow(form, "give_up")[0]}
                  />
                  <Select
                    label={t.form.giveUpOf}
                    data={giveUpOfs.map((value) => ({ value, label: t.form.giveUpCounts[value] }))}
                    allowDeselect={false}
                    {...form.getInputProps("give_up.of")}
                  />
                </>
              )}
            </Group>
            {(contract.shaping === "on" || d.filter !== "") && (
              <Textarea
                label={t.form.filter}
                description={t.form.filterHelp}
                autosize
                minRows={1}
                maxRows={6}
                classNames={{ input: "mono" }}
                {...form.getInputProps("filter")}
              />
            )}
            {(contract.shaping === "on" || d.transformation !== "") && (
              <Textarea
                label={t.form.transformation}
                description={t.form.transformationHelp}
                autosize
                minRows={2}
                maxRows={20}
                classNames={{ input: "mono" }}
                spellCheck={false}
                placeholder={"function handler(webhook) {\n  return webhook\n}"}
                {...form.getInputProps("transformation")}
              />
            )}
            <HeaderRows
              value={d.headers}
              onChange={(v) => form.setFieldValue("headers", v)}
              errors={textsBelow(form, "headers")}
            />
            {(contract.endpoint.chooses_auth || d.auth) && (
              <AuthForm
                value={d.auth}
                onChange={(v) => form.setFieldValue("auth", v)}
                errorAt={(pointer) => textAt(form, pathOf(pointer))}
              />
            )}
            <TlsForm
              value={d.tls}
              onChange={(v) => form.setFieldValue("tls", v)}
              errorAt={(pointer) => textAt(form, pathOf(pointer))}
            />
          </Stack>
        )}
      </Collapse>
    </>
  );
}

function Retries({ form, contract, mode }: { form: Form; contract: Schemas["ContractDetail"]; mode: string }) {
  const t = useT();
  const set = (v: string[]) => form.setFieldValue("retry", v);
  if (mode === "at_most_once")
    return (
      <Text size="sm" c="dimmed">
        {t.form.once}
      </Text>
    );
  if (form.values.retry.length > 0)
    return (
      <>
        <RetryEditor value={form.values.retry} onChange={set} errorAt={(pointer) => textAt(form, pathOf(pointer))} />
        {textAt(form, "retry") && (
          <Text size="xs" c="red">
            {textAt(form, "retry")}
          </Text>
        )}
      </>
    );
  return (
    <Group justify="space-between">
      <div>
        <Text size="sm" fw={500}>
          {t.form.retry}
        </Text>
        <Text size="xs" c="dimmed">
          {t.form.byDefault}
        </Text>
      </div>
      <Button variant="default" size="xs" onClick={() => set(contract.delivery.retry)}>
        {t.form.own}
      </Button>
    </Group>
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
