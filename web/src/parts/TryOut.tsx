// Trying an endpoint before it is stored: what would be sent, or what comes back when it is sent.
import { Button, Group, Paper, Stack, Text } from "@mantine/core";
import { IconEye, IconSend } from "@tabler/icons-react";
import { useMutation } from "@tanstack/react-query";
import type { Schemas } from "../api/client";
import { useT } from "../i18n";
import { useShows } from "../session";
import { Trouble } from "./basics";
import { Exchange } from "./Exchange";
import { Verdict } from "./TestPanel";

const untimed: Schemas["Timing"] = { dns: 0, connect: 0, tls: 0, first_byte: 0, total: 0 };

/** onWrong shows mistakes at their fields, and says whether all of them have one. */
export function TryOut({
  tenant,
  run,
  onWrong,
}: {
  tenant: string;
  run: (send: boolean) => Promise<Schemas["TryResult"]>;
  onWrong: (error: Error) => boolean;
}) {
  const t = useT();
  const shows = useShows();
  const attempt = useMutation<Schemas["TryResult"], Error, boolean>({ mutationFn: run, onError: onWrong });
  const placed = attempt.error !== null && onWrong(attempt.error);
  const { request, result } = attempt.data ?? {};
  return (
    <Stack gap="sm">
      <Group gap="sm">
        <Button
          variant="default"
          size="xs"
          leftSection={<IconEye size={14} />}
          loading={attempt.isPending && !attempt.variables}
          onClick={() => attempt.mutate(false)}
        >
          {t.form.tryDry}
        </Button>
        {shows("test") && (
          <Button
            variant="default"
            size="xs"
            leftSection={<IconSend size={14} />}
            loading={attempt.isPending && attempt.variables}
            onClick={() => attempt.mutate(true)}
          >
            {t.form.trySend}
          </Button>
        )}
        <Text size="xs" c="dimmed">
          {t.form.tryText}
        </Text>
      </Group>
      <div aria-live="polite">
        {!placed && <Trouble error={attempt.error} />}
        {request && (
          <Paper p="md" component="section" aria-label={t.test.request}>
            <Exchange request={request} response={null} timing={untimed} />
          </Paper>
        )}
        {result && <Verdict result={result} tenant={tenant} />}
      </div>
    </Stack>
  );
}
