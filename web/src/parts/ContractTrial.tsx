// Sending the request that a contract's text makes to an address, once, and what comes back. Nothing is stored.
import { Button, Group, Paper, Stack, Text, TextInput } from "@mantine/core";
import { IconSend } from "@tabler/icons-react";
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { api, ok, type Schemas, type TestResult } from "../api/client";
import { type Language, useT } from "../i18n";
import { Trouble } from "./basics";
import { errorsByPath } from "./form";
import type { Schema, Settings } from "./SettingsForm";
import { Verdict } from "./TestPanel";

type Input = Omit<Schemas["ContractTryInput"], "url" | "secret" | "settings"> & { settings: Settings };

/** input is what is sent beside the address and the secret; signs says that the contract asks for a secret. */
export function ContractTrial({ input, signs, settings }: { input: Input; signs: boolean; settings: Schema }) {
  const t = useT();
  const [url, setUrl] = useState("");
  const [secret, setSecret] = useState("");
  const now = JSON.stringify({ ...input, url: url.trim(), ...(signs && secret ? { secret } : {}) });
  const trial = useMutation<TestResult, Error, string>({
    mutationFn: (body) =>
      ok(
        api.POST("/v1/contracts/try", {
          params: { query: { lang: t.code as Language } },
          body: JSON.parse(body),
        }),
      ),
  });
  const settled = trial.variables === now; // what came of another text says nothing about this one
  const wrong = settled ? errorsByPath(trial.error, t) : {};
  const places = Object.keys(wrong);
  const placed = places.length > 0 && places.every((p) => p === "url" || p === "secret");
  return (
    <Paper
      p="md"
      component="form"
      noValidate
      aria-label={t.editor.trial}
      onSubmit={(e: React.FormEvent) => {
        e.preventDefault();
        trial.mutate(now);
      }}
    >
      <Stack gap="sm">
        <Text size="sm" fw={600}>
          {t.editor.trial}
        </Text>
        <TextInput
          label={t.endpoints.url}
          type="url"
          inputMode="url"
          placeholder="https://example.com/webhook"
          value={url}
          onChange={(e) => setUrl(e.currentTarget.value)}
          error={wrong.url}
        />
        {signs && (
          <TextInput
            label={t.secret.title}
            description={t.editor.trialSecret}
            autoComplete="off"
            value={secret}
            onChange={(e) => setSecret(e.currentTarget.value)}
            error={wrong.secret}
          />
        )}
        <Group gap="sm">
          <Button
            type="submit"
            variant="default"
            size="xs"
            leftSection={<IconSend size={14} />}
            loading={trial.isPending}
          >
            {t.form.trySend}
          </Button>
          <Text size="xs" c="dimmed" style={{ flex: "1 1 220px" }}>
            {t.editor.trialText}
          </Text>
        </Group>
        <div aria-live="polite">
          {settled && !placed && <Trouble error={trial.error} settings={settings} />}
          {settled && trial.data && <Verdict result={trial.data} tenant={input.tenant ?? ""} />}
        </div>
      </Stack>
    </Paper>
  );
}
