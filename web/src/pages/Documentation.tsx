// The documentation of a contract, with the reader's own address, keys and headers in its examples.
import {
  Alert,
  Anchor,
  Box,
  Button,
  Group,
  Code as Mono,
  Paper,
  Select,
  SimpleGrid,
  Skeleton,
  Stack,
  Switch,
  Text,
  Title,
} from "@mantine/core";
import { IconDownload, IconKey, IconWorld } from "@tabler/icons-react";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { type CSSProperties, useEffect, useRef } from "react";
import "../../../internal/docpage/style.css";
import { api, type Contract, type Endpoint, ok, raw } from "../api/client";
import { contractsQuery, docPageQuery, endpointsQuery, ofTenant, queryClient } from "../api/queries";
import { type Language, useT } from "../i18n";
import { Copy, Fact, PageHead, Trouble } from "../parts/basics";
import { save } from "../parts/Code";
import { NamesOf } from "../parts/Names";
import { TestPanel } from "../parts/TestPanel";
import { useMay, useShows, useVisitor } from "../session";
import { useTenant } from "../shell/Shell";
import { nameOf } from "./Endpoints";

export function DocumentationPage() {
  const t = useT();
  const go = useNavigate();
  const { contract: named } = useParams({ strict: false });
  const { endpoint: chosen } = useSearch({ strict: false }) as { endpoint?: string };
  const tenant = useTenant();
  const contracts = useQuery(contractsQuery(t.code as Language));
  const shows = useShows();
  const reads = tenant !== undefined && (shows("endpoints") || shows("deliveries") || shows("test"));
  const endpoints = useQuery({ ...endpointsQuery(tenant ?? ""), enabled: reads });
  const all = contracts.data ?? [];
  const name = named ?? endpoints.data?.[0]?.contract ?? all[0]?.name;
  const contract = all.find((c) => c.name === name);
  const own = (endpoints.data ?? []).filter((e) => e.contract === name);
  const endpoint = own.find((e) => e.id === chosen) ?? own[0];
  const waiting = contracts.isPending || (named === undefined && reads && endpoints.isPending);
  return (
    <>
      <PageHead title={t.docs.title} text={t.docs.text}>
        {all.length > 1 && (
          <Select
            aria-label={t.docs.contract}
            data={all.map((c) => ({ value: c.name, label: c.title }))}
            value={name ?? null}
            allowDeselect={false}
            searchable
            w={260}
            onChange={(v) => v && void go({ to: "/documentation/$contract", params: { contract: v } })}
          />
        )}
        {contract && <Download contract={contract} />}
      </PageHead>
      <Trouble error={contracts.error ?? endpoints.error} />
      {waiting && <Skeleton h={240} />}
      {named && !contract && contracts.data && <Text c="dimmed">{t.problem.notFoundText}</Text>}
      {contract && !waiting && (
        <NamesOf contract={contract.name}>
          <Stack gap="lg">
            <Publication contract={contract} />
            <Own contract={contract} tenant={tenant} endpoints={own} endpoint={endpoint} />
            <Article key={contract.name} contract={contract} endpoint={endpoint} />
          </Stack>
        </NamesOf>
      )}
    </>
  );
}

function Download({ contract: c }: { contract: Contract }) {
  const t = useT();
  const file = useMutation({
    mutationFn: async () => {
      const answer = await raw(`/v1/contracts/${c.name}/docs?lang=${t.code}`);
      save(`${c.name}.${t.code}.md`, await answer.blob());
    },
  });
  return (
    <Button
      variant="default"
      leftSection={<IconDownload size={16} />}
      loading={file.isPending}
      onClick={() => file.mutate()}
    >
      Markdown
    </Button>
  );
}

/** Whether everybody can read it; only the operator decides that. */
function Publication({ contract: c }: { contract: Contract }) {
  const t = useT();
  const operator = useVisitor().role === "operator";
  const change = useMutation({
    mutationFn: (on: boolean) =>
      ok(api.PUT("/v1/contracts/{name}/public-docs", { params: { path: { name: c.name } }, body: { on } })),
    onSettled: () => queryClient.invalidateQueries({ queryKey: ["contracts"] }),
  });
  if (!operator && !c.public_docs) return null;
  return (
    <Paper p="md">
      <Group gap="md">
        {operator && (
          <Switch
            label={t.docs.public}
            checked={change.isPending ? change.variables : c.public_docs}
            onChange={(e) => change.mutate(e.currentTarget.checked)}
          />
        )}
        {c.public_docs ? (
          <Group gap={4} wrap="nowrap" style={{ minWidth: 0 }}>
            <IconWorld size={16} aria-hidden style={{ flex: "none" }} />
            <Anchor
              href={`${c.docs_url}?lang=${t.code}`}
              target="_blank"
              rel="noreferrer"
              size="sm"
              style={{ overflowWrap: "anywhere" }}
            >
              {c.docs_url}
            </Anchor>
            <Copy text={c.docs_url} label={`${t.common.copy}: URL`} />
          </Group>
        ) : (
          <Text size="sm" c="dimmed">
            {t.docs.notPublic}
          </Text>
        )}
      </Group>
      <Trouble error={change.error} />
    </Paper>
  );
}

/** What of the examples is the reader's own, and a button that sends the example there. */
function Own({
  contract: c,
  tenant,
  endpoints,
  endpoint: e,
}: {
  contract: Contract;
  tenant?: string;
  endpoints: Endpoint[];
  endpoint?: Endpoint;
}) {
  const t = useT();
  const go = useNavigate();
  const maySecret = useMay("edit_endpoints");
  const shows = useShows();
  if (!tenant || !e)
    return (
      <Alert variant="light" color="gray">
        <Text size="sm">{tenant ? t.docs.noEndpoint : t.docs.noTenant}</Text>
      </Alert>
    );
  const values = ownValues(e);
  const pair = values.pair_name;
  return (
    <Stack gap="md" component="section" aria-labelledby="own-values">
      <Paper p="lg">
        <Group justify="space-between" mb="md">
          <Box style={{ flex: "1 1 260px" }}>
            <Title order={2} id="own-values">
              {t.docs.own}
            </Title>
            <Text size="sm" c="dimmed">
              {t.docs.ownText}
            </Text>
          </Box>
          {endpoints.length > 1 && (
            <Select
              aria-label={t.docs.endpoint}
              data={endpoints.map((x) => ({ value: x.id, label: nameOf(x, x.url) }))}
              value={e.id}
              allowDeselect={false}
              w={240}
              onChange={(v) =>
                v &&
                void go({
                  to: "/documentation/$contract",
                  params: { contract: c.name },
                  search: { endpoint: v },
                  replace: true,
                })
              }
            />
          )}
        </Group>
        <SimpleGrid component="dl" cols={{ base: 1, xs: 2 }} m={0}>
          <Fact label={t.form.url}>
            <span className="mono" style={{ overflowWrap: "anywhere" }}>
              {e.method} {e.url}
            </span>
          </Fact>
          {pair !== undefined && (
            <Fact label={t.docs.header}>
              <span className="mono">
                {pair}: {values.pair_value}
              </span>
            </Fact>
          )}
          <CredentialKey endpoint={e} />
        </SimpleGrid>
        {c.signing && maySecret && <SigningSecret endpoint={e} />}
      </Paper>
      {shows("test") && <TestPanel key={e.id} endpoint={e} contract={c} />}
    </Stack>
  );
}

/** The key of the credential that the endpoint belongs to. It was shown whole once; now only its end is known. */
function CredentialKey({ endpoint: e }: { endpoint: Endpoint }) {
  const t = useT();
  const key = useCredentialKey(e);
  return key ? (
    <Fact label={t.docs.key}>
      <span className="mono">{key}</span>
      <Text size="xs" c="dimmed">
        {t.docs.keyOnce}
      </Text>
    </Fact>
  ) : null;
}

function useCredentialKey(e: Endpoint | undefined): string | undefined {
  const id = e?.credential;
  const tenant = e?.tenant ?? "";
  const found = useQuery({
    queryKey: [...ofTenant(tenant), "credential", id],
    enabled: useShows()("credentials") && Boolean(id),
    queryFn: () =>
      ok(
        api.GET("/v1/tenants/{tenant}/credentials/{credential}", {
          params: { path: { tenant, credential: id ?? "" } },
        }),
      ),
  });
  return found.data ? `••••${found.data.hint}` : undefined;
}

function SigningSecret({ endpoint: e }: { endpoint: Endpoint }) {
  const t = useT();
  const show = useMutation({
    mutationFn: () =>
      ok(
        api.GET("/v1/tenants/{tenant}/endpoints/{endpoint}/secret", {
          params: { path: { tenant: e.tenant, endpoint: e.id } },
        }),
      ),
  });
  const text = show.data?.public_key ?? show.data?.secret;
  return (
    <Stack gap={4} mt="md">
      <Text size="xs" c="dimmed">
        {t.secret.title}
      </Text>
      <Group gap="xs">
        <Mono style={{ overflowWrap: "anywhere" }}>{text ?? "••••••••"}</Mono>
        {text ? (
          <Copy text={text} label={`${t.common.copy}: ${t.secret.title}`} />
        ) : (
          <Button
            size="compact-sm"
            variant="default"
            leftSection={<IconKey size={14} />}
            loading={show.isPending}
            onClick={() => show.mutate()}
          >
            {t.secret.show}
          </Button>
        )}
      </Group>
      <Trouble error={show.error} />
    </Stack>
  );
}

/** What an endpoint has for each placeholder of the documentation; secrets are masked, as the API gives them. */
function ownValues(e: Endpoint): Record<string, string> {
  const out: Record<string, string> = { url: e.url };
  if (URL.canParse(e.url)) {
    const u = new URL(e.url);
    out.host = u.host;
    out.path = u.pathname + u.search;
  }
  const settings = (e.settings ?? {}) as Record<string, unknown>;
  for (const [name, value] of Object.entries(settings)) {
    if (Array.isArray(value)) {
      const pairs = value as { key?: string; value?: string; place?: string }[];
      const first = pairs.find((p) => p.key && (p.place ?? "header") === "header");
      if (first?.key) {
        out.pair_name = first.key;
        out.pair_lower = first.key.toLowerCase();
        out.pair_value = first.value ?? "";
      }
    } else if (typeof value === "string") out[`setting:${name}`] = value;
  }
  return out;
}

/** The text, as the server made it of the contract. */
function Article({ contract: c, endpoint: e }: { contract: Contract; endpoint?: Endpoint }) {
  const t = useT();
  const page = useQuery(docPageQuery(c.name, t.code as Language));
  const key = useCredentialKey(e);
  const root = useRef<HTMLElement>(null);
  const html = page.data?.html;
  useEffect(() => {
    const at = root.current;
    if (!at || html === undefined) return;
    at.innerHTML = html; // the server has escaped everything that comes from a contract
    const own = e ? { ...ownValues(e), ...(key ? { api_key: key } : {}) } : {};
    for (const x of at.querySelectorAll<HTMLElement>("[data-fill]")) {
      const value = own[x.dataset.fill as keyof typeof own] as string | undefined;
      if (value === undefined) continue;
      x.textContent = value;
      x.dataset.own = "";
    }
    for (const b of at.querySelectorAll<HTMLElement>(".copy")) b.hidden = false;
    const copy = async (event: MouseEvent) => {
      const button = (event.target as Element).closest<HTMLElement>(".copy");
      const text = button?.parentElement?.querySelector("code")?.textContent;
      if (!button || !text) return;
      await navigator.clipboard.writeText(text);
      const label = button.textContent;
      button.textContent = t.common.copied;
      setTimeout(() => {
        button.textContent = label;
      }, 2000);
    };
    const onClick = (event: MouseEvent) => void copy(event).catch(() => undefined); // only https may use the clipboard
    at.addEventListener("click", onClick);
    return () => at.removeEventListener("click", onClick);
  }, [html, e, key, t]);
  if (page.error) return <Trouble error={page.error} retry={() => void page.refetch()} />;
  if (!page.data) return <Skeleton h={400} />;
  return (
    <Paper p={{ base: "md", sm: "xl" }}>
      <Title order={2} fz="1.75rem">
        {page.data.title}
      </Title>
      <details style={{ margin: "12px 0 20px" }}>
        <summary>{t.docs.contents}</summary>
        <ul>
          {page.data.contents.map((x) => (
            <li key={x.id}>
              <Anchor
                href={`#${x.id}`}
                size="sm"
                onClick={(event) => {
                  event.preventDefault();
                  document.getElementById(x.id)?.scrollIntoView();
                }}
              >
                {x.title}
              </Anchor>
            </li>
          ))}
        </ul>
      </details>
      <article
        ref={root}
        className="doc"
        aria-label={page.data.title}
        style={{ "--doc-accent": "var(--mantine-primary-color-filled)" } as CSSProperties}
      />
    </Paper>
  );
}
