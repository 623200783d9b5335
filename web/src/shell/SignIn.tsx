import { Alert, Button, Center, Group, Paper, PasswordInput, Stack, Text, Title } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { type FormEvent, useEffect, useState } from "react";
import { api, ok, Problem } from "../api/client";
import mark from "../gancho.svg";
import { useT } from "../i18n";
import { wordsOf } from "../parts/basics";
import type { Visitor } from "../session";
import { LanguageMenu, ThemeToggle } from "./Controls";

export function SignIn({ ended, onSignIn }: { ended: boolean; onSignIn: (v: Visitor) => void }) {
  const t = useT();
  const [key, setKey] = useState("");
  useEffect(() => {
    document.title = `${t.signIn.title} · Gancho`;
  }, [t]);
  const signIn = useMutation({
    mutationFn: () => ok(api.POST("/v1/session", { body: { key: key.trim() } })),
    onSuccess: (v) => v && onSignIn(v),
  });
  const submit = (e: FormEvent) => {
    e.preventDefault();
    if (key.trim()) signIn.mutate();
  };
  const problem = signIn.error instanceof Problem ? signIn.error : undefined;
  return (
    <Center mih="100dvh" p="md" component="main">
      <Stack w="100%" maw={400} gap="lg">
        <Group justify="space-between">
          <Group gap="xs">
            <img src={mark} width={32} height={32} alt="" />
            <Text fw={650} size="lg">
              Gancho
            </Text>
          </Group>
          <Group gap={4}>
            <LanguageMenu />
            <ThemeToggle />
          </Group>
        </Group>
        <Paper p="xl" shadow="xs">
          <form onSubmit={submit}>
            <Stack>
              <div>
                <Title order={1}>{t.signIn.title}</Title>
                <Text size="sm" c="dimmed" mt={4}>
                  {t.signIn.text}
                </Text>
              </div>
              {ended && !problem && (
                <Alert color="yellow" variant="light" role="status">
                  {t.signIn.ended}
                </Alert>
              )}
              <PasswordInput
                label={t.signIn.key}
                placeholder="gk_…"
                autoComplete="current-password"
                value={key}
                onChange={(e) => setKey(e.currentTarget.value)}
                autoFocus
                visibilityToggleButtonProps={{ "aria-label": t.common.show }}
                error={problem && wordsOf(problem, t)}
              />
              <Button type="submit" loading={signIn.isPending} fullWidth>
                {t.signIn.submit}
              </Button>
            </Stack>
          </form>
        </Paper>
      </Stack>
    </Center>
  );
}
