// Checks the text of a contract and puts it in force. Before that it shows what would change for receivers, and asks if
// something breaks them.
import { Anchor, Button, Group, List, Paper, Stack, Text } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useMutation } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { api, ok, type Schemas } from "../api/client";
import { contractQuery, queryClient } from "../api/queries";
import { number } from "../format";
import { type Language, useT } from "../i18n";
import { detailOf } from "./basics";
import { Confirm } from "./Confirm";

type Check = Schemas["ContractCheck"];

/** Why somebody is asked before a text comes into force. */
interface Question {
  check: Check;
  /** The version that somebody else put in force since the text was loaded. */
  overtaken?: number;
}

/**
 * The check of a contract's text, and the way into force. started is the version that the text was made from, if it
 * was made from one.
 */
export function usePublish(
  source: string,
  onStored: (name: string, version: number) => void,
  started?: { name: string; version: number },
) {
  const t = useT();
  const [asking, ask] = useState<Question>();
  const check = useMutation({
    mutationFn: () =>
      ok(api.POST("/v1/contracts/check", { params: { query: { lang: t.code as Language } }, body: { source } })),
  });
  const put = useMutation({
    mutationFn: async (confirmed: boolean) => {
      let found = asking?.check;
      if (!confirmed || !found) {
        found = await check.mutateAsync();
        if (!found.ok) return undefined;
        const question: Question = { check: found };
        if (started && started.name === found.name) {
          await queryClient.invalidateQueries({ queryKey: ["contracts"] });
          const now = await queryClient.fetchQuery(contractQuery(started.name, t.code as Language));
          if (now.version > started.version) question.overtaken = now.version;
        }
        if (question.overtaken || found.changes.some((c) => c.breaks) || found.kept_back.length > 0) {
          ask(question);
          return undefined;
        }
      }
      // What somebody puts in force in this very moment is not replaced unseen: the server compares the version.
      const seen = started && started.name === found.name ? (asking?.overtaken ?? started.version) : undefined;
      const header = seen === undefined ? undefined : { "If-Match": `"${seen.toString(36)}"` };
      const query = { lang: t.code as Language };
      return ok(api.POST("/v1/contracts", { params: { header, query }, body: { source } }));
    },
    onSuccess: async (stored) => {
      if (!stored) return;
      ask(undefined);
      notifications.show({ message: t.library.stored(stored.name) });
      await queryClient.invalidateQueries({ queryKey: ["contracts"] });
      onStored(stored.name, stored.version);
    },
  });
  return {
    check,
    put,
    /** Forgets what was found of the text as it was before. */
    reset: () => {
      check.reset();
      put.reset();
    },
    buttons: (
      <Group gap="xs">
        <Button size="xs" variant="default" loading={check.isPending && !put.isPending} onClick={() => check.mutate()}>
          {t.contracts.check}
        </Button>
        <Button size="xs" loading={put.isPending} onClick={() => put.mutate(false)}>
          {t.library.put}
        </Button>
      </Group>
    ),
    question: asking && (
      <Confirm
        title={t.changes.question}
        text={
          asking.overtaken && started
            ? t.editor.overtaken(number(asking.overtaken, t.locale), number(started.version, t.locale))
            : asking.check.changes.some((c) => c.breaks)
              ? t.changes.questionText
              : t.editor.keptBackText
        }
        verb={t.changes.anyway}
        danger
        busy={put.isPending}
        error={put.error}
        onCancel={() => ask(undefined)}
        onConfirm={() => put.mutate(true)}
      >
        <Stack gap="sm">
          <Changes check={asking.check} onlyBreaking />
          <KeptBack check={asking.check} />
        </Stack>
      </Confirm>
    ),
  };
}

/** What follows once a text is in force: for which endpoints, and which ones stay behind. */
export function Follows({
  check,
  inForce,
}: {
  check: Check;
  inForce: { version: number; source: string } | undefined;
}) {
  const t = useT();
  const following = check.endpoints - check.kept_back.length;
  return (
    <Paper p="md" component="section" aria-label={t.editor.follows}>
      <Text size="sm" fw={600} mb={4}>
        {t.editor.follows}
      </Text>
      <Text size="sm">
        {inForce ? t.editor.becomes(inForce.version + 1) : t.editor.isNew(check.name ?? "")}{" "}
        {inForce && (check.endpoints === 0 ? t.editor.noEndpoints : t.editor.endpointsFollow(following))}
      </Text>
      <KeptBack check={check} />
    </Paper>
  );
}

/** The endpoints that do not satisfy a text, and why. */
function KeptBack({ check }: { check: Check }) {
  const t = useT();
  if (check.kept_back.length === 0) return null;
  return (
    <div>
      <Text size="sm" fw={600} mt="xs" mb={4} c="red.8">
        {t.editor.keptBack(check.kept_back.length)}
      </Text>
      <List size="sm" spacing={4}>
        {check.kept_back.map((k) => (
          <List.Item key={k.endpoint} style={{ overflowWrap: "anywhere" }}>
            <Anchor
              component={Link}
              {...{ to: `/t/${encodeURIComponent(k.tenant)}/endpoints/${k.endpoint}/edit` }}
              size="sm"
              target="_blank"
            >
              {k.tenant}: {k.endpoint}
            </Anchor>{" "}
            {k.errors.map((e) => detailOf(e, t)).join(" ")}
          </List.Item>
        ))}
      </List>
    </div>
  );
}

/** What of a valid text has a newer spelling. */
export function Newer({ check }: { check: Check }) {
  const t = useT();
  if (check.newer.length === 0) return null;
  return (
    <Paper p="md" component="section" aria-label={t.changes.newer}>
      <Text size="sm" fw={600} mb={4}>
        {t.changes.newer}
      </Text>
      <List size="sm" spacing={4}>
        {check.newer.map((p, i) => (
          <List.Item key={i} style={{ overflowWrap: "anywhere" }}>
            {p.line && `${t.contracts.line(p.line)}: `}
            {p.detail} {p.fix}
          </List.Item>
        ))}
      </List>
    </Paper>
  );
}

/** What a text changes for receivers of the version in force: what breaks them first. */
export function Changes({ check, onlyBreaking }: { check: Check; onlyBreaking?: boolean }) {
  const t = useT();
  const parts = [
    { title: t.changes.breaking, color: "red", list: check.changes.filter((c) => c.breaks) },
    { title: t.changes.harmless, color: undefined, list: onlyBreaking ? [] : check.changes.filter((c) => !c.breaks) },
  ].filter((p) => p.list.length > 0);
  if (parts.length === 0 && check.changes_whole) return null;
  return (
    <Paper p="md" component="section" aria-label={onlyBreaking ? t.changes.breaking : t.changes.title}>
      <Stack gap="sm">
        {parts.map((p) => (
          <div key={p.title}>
            <Text size="sm" fw={600} mb={4} c={p.color && `${p.color}.8`}>
              {p.title}
            </Text>
            <List size="sm" spacing={4}>
              {p.list.map((c, i) => (
                <List.Item key={i} style={{ overflowWrap: "anywhere" }}>
                  {c.line && `${t.contracts.line(c.line)}: `}
                  {c.detail}
                </List.Item>
              ))}
            </List>
          </div>
        ))}
        {!check.changes_whole && (
          <Text size="sm" c="dimmed">
            {t.changes.cut}
          </Text>
        )}
      </Stack>
    </Paper>
  );
}
