// One endpoint: what became of what was sent to it, how it is set up, and a test.
import {
  Alert,
  Anchor,
  Button,
  CopyButton,
  Group,
  Code as Mono,
  Paper,
  SimpleGrid,
  Stack,
  Tabs,
  Text,
  Title,
} from "@mantine/core";
import { notifications } from "@mantine/notifications";
import {
  IconCode,
  IconEdit,
  IconHistory,
  IconKey,
  IconRefresh,
  IconSettings,
  IconStethoscope,
} from "@tabler/icons-react";
import { useMutation, useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { api, type Contract, type Endpoint, ok } from "../api/client";
import { contractsQuery, endpointQuery, ofTenant, queryClient } from "../api/queries";
import { exactTime, number, parseSpan, span } from "../format";
import { type Language, useT } from "../i18n";
import { CertificateLine, kindOf } from "../parts/AuthForm";
import { CancelWaiting } from "../parts/Bulk";
import { Copy, Fact, HealthBadge, PageHead, Skeletons, Time, Trouble } from "../parts/basics";
import { Confirm } from "../parts/Confirm";
import { DeliveryRows } from "../parts/DeliveryRows";
import { DocumentationLink } from "../parts/DocumentationLink";
import { NamesOf } from "../parts/Names";
import { Omissions } from "../parts/Omissions";
import { Recover } from "../parts/Recover";
import { ScriptPanel } from "../parts/ScriptPanel";
import { type Schema, SettingValue } from "../parts/SettingsForm";
import { TestPanel, Verdict } from "../parts/TestPanel";
import { useMay, useShows } from "../session";
import { EndpointMenu, eventWords, nameOf, useEndpointState } from "./Endpoints";

export function EndpointPage() {
  const { tenant, endpoint } = useParams({ from: "/t/$tenant/endpoints/$endpoint" });
  const e = useQuery(endpointQuery(tenant, endpoint));
  return (
    <NamesOf contract={e.data?.contract}>
      <EndpointShown />
    </NamesOf>
  );
}

function EndpointShown() {
  const t = useT();
  const go = useNavigate();
  const { tenant, endpoint: id } = useParams({ from: "/t/$tenant/endpoints/$endpoint" });
  const shows = useShows();
  const { tab = shows("deliveries") ? "history" : "configuration" } = useSearch({
    from: "/t/$tenant/endpoints/$endpoint",
  });
  const mayRetry = useMay("retry");
  const endpoint = useQuery({ ...endpointQuery(tenant, id), refetchInterval: 10_000 });
  const contracts = useQuery(contractsQuery(t.code as Language));
  const mayChange = useMay("edit_endpoints");
  if (endpoint.error)
    return (
      <>
        <PageHead title={t.endpoints.title} />
        <Trouble error={endpoint.error} retry={() => void endpoint.refetch()} />
      </>
    );
  if (!endpoint.data) return <Skeletons />;
  const e = endpoint.data;
  const contract = contracts.data?.find((c) => c.name === e.contract);
  const shapes = mayChange && shows("test") && contract?.shaping === "on";
  const list = `/t/${encodeURIComponent(tenant)}/endpoints`;
  return (
    <>
      <Anchor component={Link} {...{ to: list }} size="sm" c="dimmed">
        ← {t.endpoints.title}
      </Anchor>
      <PageHead
        title={nameOf(e, t.common.unnamed)}
        text={
          <Group gap="xs" mt={4}>
            <HealthBadge endpoint={e} />
            <Text size="sm" c="dimmed">
              {contract?.title ?? e.contract}
            </Text>
            <DocumentationLink contract={e.contract} endpoint={e.id} />
          </Group>
        }
      >
        {mayChange && (
          <Button
            variant="default"
            component={Link}
            {...{ to: `${list}/${e.id}/edit` }}
            leftSection={<IconEdit size={16} />}
          >
            {t.common.edit}
          </Button>
        )}
        <EndpointMenu endpoint={e} onDeleted={() => void go({ to: "/t/$tenant/endpoints", params: { tenant } })} />
      </PageHead>
      <StateNotice endpoint={e} />
      {e.held_by && (
        <Alert color="red" mb="lg" title={t.delivery.held}>
          {t.delivery.heldNotice}{" "}
          <Anchor component={Link} {...{ to: `/t/${encodeURIComponent(tenant)}/deliveries/${e.held_by}` }}>
            {t.delivery.heldOpen}
          </Anchor>
        </Alert>
      )}
      <Tabs
        value={tab}
        keepMounted={false}
        onChange={(v) => void go({ to: ".", search: { tab: v as "history" }, replace: true })}
      >
        <Tabs.List mb="lg">
          {shows("deliveries") && (
            <Tabs.Tab value="history" leftSection={<IconHistory size={16} />}>
              {t.endpoints.history}
            </Tabs.Tab>
          )}
          <Tabs.Tab value="configuration" leftSection={<IconSettings size={16} />}>
            {t.endpoints.configuration}
          </Tabs.Tab>
          {shapes && (
            <Tabs.Tab value="transformation" leftSection={<IconCode size={16} />}>
              {t.script.tab}
            </Tabs.Tab>
          )}
          {shows("test") && (
            <Tabs.Tab value="test" leftSection={<IconStethoscope size={16} />}>
              {t.endpoints.test}
            </Tabs.Tab>
          )}
        </Tabs.List>
        {shows("deliveries") && (
          <Tabs.Panel value="history">
            <Stack gap="md">
              {mayRetry && e.state !== "disabled" && (
                <Group justify="flex-end" gap="sm">
                  <CancelWaiting tenant={tenant} endpoint={e.id} />
                  {e.mode === "at_least_once" && <Recover endpoint={e} />}
                </Group>
              )}
              {shows("events") && <Omissions tenant={tenant} filter={{ endpoint: e.id }} />}
              <DeliveryRows tenant={tenant} filter={{ endpoint: e.id }} hideEndpoint />
            </Stack>
          </Tabs.Panel>
        )}
        <Tabs.Panel value="configuration">
          <Configuration endpoint={e} contract={contract} />
        </Tabs.Panel>
        {shapes && (
          <Tabs.Panel value="transformation">
            <ScriptPanel key={e.id} endpoint={e} />
          </Tabs.Panel>
        )}
        {shows("test") && (
          <Tabs.Panel value="test">
            <TestPanel endpoint={e} contract={contract} />
          </Tabs.Panel>
        )}
      </Tabs>
    </>
  );
}

/** Why nothing is sent at present, and how to go on. */
function StateNotice({ endpoint: e }: { endpoint: Endpoint }) {
  const t = useT();
  const mayChange = useMay("edit_endpoints");
  const state = useEndpointState(e);
  if (e.unreadable)
    return (
      <Alert color="red" variant="light" mb="lg" title={t.endpoints.unreadable}>
        <Text size="sm">{t.endpoints.unreadableText}</Text>
      </Alert>
    );
  if (e.state === "active") return null;
  if (e.state_reason === "unverified") return <Unverified endpoint={e} />;
  return (
    <Alert
      color={e.state === "paused" ? "yellow" : "gray"}
      variant="light"
      mb="lg"
      title={e.state === "paused" ? t.endpoints.paused : t.endpoints.disabled}
    >
      <Group justify="space-between">
        <Text size="sm">
          <Time at={e.state_at} />
          {t.stateReason[e.state_reason] && ` · ${t.stateReason[e.state_reason]}`}
        </Text>
        {mayChange && (
          <Button size="xs" loading={state.isPending} onClick={() => state.mutate("resume")}>
            {e.state === "paused" ? t.endpoints.resume : t.endpoints.enable}
          </Button>
        )}
      </Group>
    </Alert>
  );
}

/** An endpoint that has not answered the handshake of its contract, and another try. */
function Unverified({ endpoint: e }: { endpoint: Endpoint }) {
  const t = useT();
  const shows = useShows();
  const verify = useMutation({
    mutationFn: () =>
      ok(
        api.POST("/v1/tenants/{tenant}/endpoints/{endpoint}/verify", {
          params: { path: { tenant: e.tenant, endpoint: e.id }, query: { lang: t.code as Language } },
        }),
      ),
    onSuccess: (r) => {
      if (r.passed)
        notifications.show(
          r.endpoint_state === "active"
            ? { color: "teal", message: t.endpoints.verified }
            : { color: "yellow", message: t.endpoints.answered },
        );
    },
    onSettled: () => queryClient.invalidateQueries({ queryKey: ofTenant(e.tenant) }),
  });
  return (
    <Stack gap="md" mb="lg">
      <Alert color="yellow" variant="light" title={t.endpoints.unverified}>
        <Group justify="space-between">
          <Text size="sm" style={{ flex: "1 1 260px" }}>
            {t.endpoints.unverifiedText}
          </Text>
          {shows("test") && (
            <Button size="xs" loading={verify.isPending} onClick={() => verify.mutate()}>
              {t.endpoints.verify}
            </Button>
          )}
        </Group>
      </Alert>
      <div aria-live="polite">
        <Trouble error={verify.error} />
        {verify.data && <Verdict key={verify.data.delivery} result={verify.data} tenant={e.tenant} />}
      </div>
    </Stack>
  );
}

function Configuration({ endpoint: e, contract }: { endpoint: Endpoint; contract?: Contract }) {
  const t = useT();
  const mayChange = useMay("edit_endpoints");
  const schema = (contract?.settings ?? {}) as Schema;
  const settings = Object.entries((e.settings ?? {}) as Record<string, unknown>);
  const authKind = kindOf(e.auth);
  let sum = 0;
  const times = e.retry.map((r) => (sum += parseSpan(r) ?? 0));
  return (
    <Stack gap="lg">
      <Paper p="lg">
        <Title order={2} mb="md">
          {t.endpoints.summary}
        </Title>
        <SimpleGrid component="dl" cols={{ base: 1, xs: 2, md: 3 }} m={0}>
          <Fact label={t.form.url}>
            <Group gap={4} wrap="nowrap">
              <span className="mono">
                {e.method} {e.url}
              </span>
              <Copy text={e.url} label={`${t.common.copy}: URL`} />
            </Group>
          </Fact>
          <Fact label={t.form.eventTypes}>{eventWords(e, contract, t)}</Fact>
          <Fact label={t.endpoints.lastRun}>
            <Time at={e.last_run} />
            {e.last_status && <> · {t.reason[e.last_status] ?? e.last_status}</>}
          </Fact>
          {settings.map(([k, v]) => (
            <Fact key={k} label={schema.properties?.[k]?.title ?? k} wide={typeof v === "object"}>
              <SettingValue schema={schema.properties?.[k]} value={v} />
            </Fact>
          ))}
          {Object.entries(e.headers).map(([k, v]) => (
            <Fact key={k} label={k}>
              <span className="mono">{v}</span>
            </Fact>
          ))}
          {authKind && <Fact label={t.auth.title}>{t.auth[authKind]}</Fact>}
          {e.certificates?.map((c) => (
            <Fact key={c.use + c.subject} label={c.use === "client" ? t.auth.client : t.auth.authority}>
              <CertificateLine certificate={c} />
            </Fact>
          ))}
          {e.filter && (
            <Fact label={t.form.filter}>
              <span className="mono">{e.filter}</span>
            </Fact>
          )}
          <Fact label={t.endpoints.createdAt}>
            <Time at={e.created_at} />
          </Fact>
          <Fact label="Id">
            <span className="mono">{e.id}</span>
          </Fact>
        </SimpleGrid>
      </Paper>
      <Paper p="lg">
        <Title order={2} mb="md">
          {t.form.delivery}
        </Title>
        <SimpleGrid component="dl" cols={{ base: 1, xs: 2, md: 4 }} m={0} mb={e.mode === "at_least_once" ? "md" : 0}>
          <Fact label={t.form.timeout}>{span(e.timeout_ms / 1000, t.locale)}</Fact>
          <Fact label={t.form.concurrency}>{number(e.concurrency, t.locale)}</Fact>
          <Fact label={t.form.rate}>{e.rate_limit ? number(e.rate_limit.per_second, t.locale, 2) : t.common.none}</Fact>
          <Fact label={t.form.ordered}>{e.ordered ? t.common.yes : t.common.no}</Fact>
          <Fact label={t.delivery.mode}>{t.delivery[e.mode]}</Fact>
        </SimpleGrid>
        {e.mode === "at_least_once" && (
          <>
            <Text size="xs" c="dimmed" mb={6}>
              {t.form.retry}
            </Text>
            <Group gap={6}>
              {times.map((s, i) => (
                <Mono key={i} fz="xs">
                  {s === 0 ? t.form.atOnce : span(s, t.locale)}
                </Mono>
              ))}
            </Group>
          </>
        )}
      </Paper>
      {contract?.signing && mayChange && <SigningSecret endpoint={e} />}
    </Stack>
  );
}

function SigningSecret({ endpoint: e }: { endpoint: Endpoint }) {
  const t = useT();
  const [asking, ask] = useState(false);
  const path = { tenant: e.tenant, endpoint: e.id };
  const show = useMutation({
    mutationFn: () => ok(api.GET("/v1/tenants/{tenant}/endpoints/{endpoint}/secret", { params: { path } })),
  });
  const rotate = useMutation({
    mutationFn: () =>
      ok(api.POST("/v1/tenants/{tenant}/endpoints/{endpoint}/rotate-secret", { params: { path }, body: {} })),
    onSuccess: () => {
      show.reset();
      ask(false);
      void list.refetch();
      notifications.show({ message: t.secret.rotated });
    },
  });
  const list = useQuery({
    queryKey: [...ofTenant(e.tenant), "secrets", e.id, e.updated_at],
    queryFn: () => ok(api.GET("/v1/tenants/{tenant}/endpoints/{endpoint}/secrets", { params: { path } })),
  });
  const end = useMutation({
    mutationFn: (secret: string) =>
      ok(
        api.DELETE("/v1/tenants/{tenant}/endpoints/{endpoint}/secrets/{secret}", {
          params: { path: { ...path, secret } },
        }),
      ),
    onSuccess: () => {
      show.reset();
      rotate.reset();
      void list.refetch();
    },
  });
  const replaced = (list.data?.items ?? []).filter((s) => !s.current);
  const shown = rotate.data ?? show.data;
  return (
    <Paper p="lg">
      <Title order={2}>{t.secret.title}</Title>
      <Text size="sm" c="dimmed" mb="md">
        {t.secret.text}
      </Text>
      <Trouble error={show.error} />
      {shown && (
        <Stack gap={4} mb="md">
          <Group gap="xs" wrap="nowrap">
            <Mono style={{ overflowWrap: "anywhere" }}>{shown.public_key ?? shown.secret}</Mono>
            <CopyButton value={shown.public_key ?? shown.secret}>
              {({ copied, copy }) => (
                <Button size="xs" variant="default" onClick={copy}>
                  {copied ? t.common.copied : t.common.copy}
                </Button>
              )}
            </CopyButton>
          </Group>
          {rotate.data && <Text size="sm">{t.secret.once}</Text>}
        </Stack>
      )}
      {replaced.map((s) => (
        <Group key={s.id} gap="xs" mb="xs">
          <Text size="sm">{t.secret.previous(s.hint, s.expires_at ? exactTime(s.expires_at, t.locale) : "")}</Text>
          <Button
            size="compact-xs"
            variant="default"
            loading={end.isPending && end.variables === s.id}
            onClick={() => end.mutate(s.id)}
            aria-label={t.secret.endNamed(s.hint)}
          >
            {t.secret.end}
          </Button>
        </Group>
      ))}
      <Trouble error={end.error} />
      <Group gap="xs">
        {!shown && (
          <Button
            variant="default"
            leftSection={<IconKey size={16} />}
            loading={show.isPending}
            onClick={() => show.mutate()}
          >
            {t.secret.show}
          </Button>
        )}
        <Button variant="default" leftSection={<IconRefresh size={16} />} onClick={() => ask(true)}>
          {t.secret.rotate}
        </Button>
      </Group>
      {asking && (
        <Confirm
          title={t.secret.rotateTitle}
          text={t.secret.rotateText}
          verb={t.secret.rotate}
          busy={rotate.isPending}
          error={rotate.error}
          onCancel={() => ask(false)}
          onConfirm={() => rotate.mutate()}
        />
      )}
    </Paper>
  );
}
