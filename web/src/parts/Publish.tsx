// Checks the text of a contract and puts it in force. Before that it shows what would change for receivers, and asks if
// something breaks them.
import { Button, Group, List, Paper, Stack, Text } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { api, ok, type Schemas } from "../api/client";
import { queryClient } from "../api/queries";
import { type Language, useT } from "../i18n";
import { Confirm } from "./Confirm";

type Check = Schemas["ContractCheck"];

/** The check of a contract's text, and the way into force. */
export function usePublish(source: string, onStored: (name: string) => void) {
  const t = useT();
  const [asking, ask] = useState<Check>();
  const check = useMutation({
    mutationFn: () =>
      ok(api.POST("/v1/contracts/check", { params: { query: { lang: t.code as Language } }, body: { source } })),
  });
  const put = useMutation({
    mutationFn: async (confirmed: boolean) => {
      if (!confirmed) {
        const found = await check.mutateAsync();
        if (!found.ok) return undefined;
        if (found.changes.some((c) => c.breaks)) {
          ask(found);
          return undefined;
        }
      }
      return ok(api.POST("/v1/contracts", { body: { source } }));
    },
    onSuccess: async (stored) => {
      if (!stored) return;
      ask(undefined);
      notifications.show({ message: t.library.stored(stored.name) });
      await queryClient.invalidateQueries({ queryKey: ["contracts"] });
      onStored(stored.name);
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
        text={t.changes.questionText}
        verb={t.changes.anyway}
        danger
        busy={put.isPending}
        error={put.error}
        onCancel={() => ask(undefined)}
        onConfirm={() => put.mutate(true)}
      >
        <Changes check={asking} onlyBreaking />
      </Confirm>
    ),
  };
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
    <Paper p="md" component="section" aria-label={t.changes.title}>
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
