// The test button: sends one webhook now and says in plain words what came of it.
import { Accordion, Alert, Anchor, Box, Button, Group, Paper, Select, Stack, Text } from "@mantine/core";
import { IconAlertTriangle, IconCircleCheck, IconCircleX, IconSend } from "@tabler/icons-react";
import { useMutation, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { api, type Contract, type Endpoint, ok, type TestResult } from "../api/client";
import { contractQuery, ofTenant, queryClient } from "../api/queries";
import { milliseconds } from "../format";
import { type Language, useT } from "../i18n";
import { useShows } from "../session";
import { RuleError, Trouble } from "./basics";
import { Exchange } from "./Exchange";
import { Promised } from "./Promised";

export function TestPanel({ endpoint: e, contract }: { endpoint: Endpoint; contract?: Contract }) {
  const t = useT();
  const types = (contract?.event_types ?? []).filter(
    (x) => x.name !== "*" && (e.event_types.length === 0 || e.event_types.includes(x.name)),
  );
  const detail = useQuery({ ...contractQuery(e.contract, t.code as Language), enabled: contract !== undefined });
  const [type, setType] = useState<string | null>(null);
  const test = useMutation({
    mutationFn: () =>
      ok(
        api.POST("/v1/tenants/{tenant}/endpoints/{endpoint}/test", {
          params: { path: { tenant: e.tenant, endpoint: e.id }, query: { lang: t.code as Language } },
          body: type ? { event_type: type } : {},
        }),
      ),
    onSettled: () => queryClient.invalidateQueries({ queryKey: ofTenant(e.tenant) }),
  });
  return (
    <Stack gap="md">
      <Promised contract={detail.data} timeout={e.timeout_ms} />
      <Paper p="md">
        <Group justify="space-between" gap="md">
          <Text size="sm" c="dimmed" style={{ flex: "1 1 260px" }}>
            {t.test.text}
          </Text>
          {types.length > 1 && (
            <Select
              aria-label={t.test.event}
              placeholder={t.test.event}
              data={types.map((x) => ({ value: x.name, label: x.title || x.name }))}
              value={type}
              onChange={setType}
              searchable
              clearable
              w={260}
            />
          )}
          <Button leftSection={<IconSend size={16} />} loading={test.isPending} onClick={() => test.mutate()}>
            {test.data ? t.test.again : t.test.run}
          </Button>
        </Group>
      </Paper>
      <div aria-live="polite">
        <Trouble error={test.error} />
        {test.data && <Verdict key={test.data.delivery} result={test.data} tenant={e.tenant} />}
      </div>
    </Stack>
  );
}

/** How a test or a handshake ended. */
export function Verdict({ result: r, tenant }: { result: TestResult; tenant: string }) {
  const t = useT();
  const shows = useShows();
  return (
    <Stack gap="md">
      <DiagnosisBox diagnosis={r.diagnosis} passed={r.passed}>
        <RuleError text={r.rule_error} />
        <Group gap="md" mt={4}>
          {r.response && (
            <Text size="xs" c="dimmed" className="number">
              HTTP {r.response.status}
            </Text>
          )}
          <Text size="xs" c="dimmed" className="number">
            {t.test.took(milliseconds(r.timing_ms.total, t.locale))}
          </Text>
          {r.delivery && shows("deliveries") && (
            <Anchor component={Link} {...{ to: `/t/${encodeURIComponent(tenant)}/deliveries/${r.delivery}` }} size="xs">
              {t.test.seeDelivery}
            </Anchor>
          )}
        </Group>
      </DiagnosisBox>
      <Paper>
        <Accordion>
          <Accordion.Item value="all" style={{ border: 0 }}>
            <Accordion.Control>
              {t.test.request} · {t.test.answer}
            </Accordion.Control>
            <Accordion.Panel>
              <Exchange request={r.request} response={r.response} timing={r.timing_ms} />
            </Accordion.Panel>
          </Accordion.Item>
        </Accordion>
      </Paper>
    </Stack>
  );
}

/** What is the matter and what to do, in the reader's language. */
export function DiagnosisBox({
  diagnosis: d,
  passed,
  children,
}: {
  diagnosis: TestResult["diagnosis"];
  passed?: boolean;
  children?: React.ReactNode;
}) {
  const t = useT();
  const color = { ok: "teal", warning: "yellow", error: "red" }[d.level];
  const icon = d.level === "ok" ? <IconCircleCheck /> : d.level === "warning" ? <IconAlertTriangle /> : <IconCircleX />;
  return (
    <Alert
      color={color}
      variant="light"
      icon={icon}
      title={d.title}
      role={passed === undefined ? undefined : "status"}
      className={`verdict verdict-${d.level}`}
      styles={{ title: { fontSize: "1rem", color: "var(--mantine-color-text)" } }}
    >
      <Box c="var(--mantine-color-text)">
        {passed !== undefined && d.level !== "ok" && (
          <Text size="xs" c="dimmed" mb={2}>
            {t.test.what}
          </Text>
        )}
        <Text size="sm" style={{ whiteSpace: "pre-line" }}>
          {d.advice}
        </Text>
        {children}
      </Box>
    </Alert>
  );
}
