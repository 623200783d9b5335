// What of a credential is shown once, when it is made.
import { Alert, Group, Code as Mono, Stack, Text } from "@mantine/core";
import type { ReactNode } from "react";
import { exactTime } from "../format";
import { useT } from "../i18n";
import { Copy } from "./basics";

/** What is shown now and never again; the children are the buttons below it. */
export function MadeCredential({
  made,
  children,
}: {
  made: { apiKey?: string; secret?: string; token: string; expiresAt: string };
  children: ReactNode;
}) {
  const t = useT();
  return (
    <Stack>
      <Alert color="yellow" variant="light" role="status">
        {t.keys.once}
      </Alert>
      {made.apiKey && <Shown label="apiKey" text={made.apiKey} />}
      {made.secret && <Shown label="secret" text={made.secret} />}
      <Shown label="token" text={made.token} />
      <Text size="sm" c="dimmed">
        {t.credentials.tokenUntil}: {exactTime(made.expiresAt, t.locale)}
      </Text>
      <Group justify="flex-end">{children}</Group>
    </Stack>
  );
}

function Shown({ label, text }: { label: string; text: string }) {
  const t = useT();
  return (
    <div>
      <Text size="sm" fw={500}>
        {label}
      </Text>
      <Group gap="xs" wrap="nowrap">
        <Mono style={{ overflowWrap: "anywhere", flex: 1 }}>{text}</Mono>
        <Copy text={text} label={`${t.common.copy}: ${label}`} />
      </Group>
    </div>
  );
}
