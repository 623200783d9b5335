// What the operator has to know whatever page is shown: the server cannot do its work, or soon cannot.
import { Alert, List, Stack, Text } from "@mantine/core";
import { IconAlertTriangle, IconDatabaseExclamation } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { systemQuery } from "../api/queries";
import { bytes } from "../format";
import { useT } from "../i18n";

export function SystemBanner() {
  const t = useT();
  const system = useQuery(systemQuery()).data;
  if (!system || (system.ready && !system.disk?.low)) return null;
  const wrong = system.parts.filter((p) => !p.ready);
  const texts: Record<string, string> = t.problem.details;
  const room = system.disk && bytes(system.disk.free_bytes, t.locale);
  return (
    <Stack gap="sm" mb="lg">
      {!system.ready && (
        <Alert color="red" variant="light" icon={<IconAlertTriangle />} title={t.system.notReady} role="alert">
          <List size="sm" spacing={4}>
            {wrong.map((p) => (
              <List.Item key={p.name}>
                {texts[p.code ?? ""] ?? p.detail ?? p.name} {t.system.todo[p.code ?? ""]}
              </List.Item>
            ))}
          </List>
        </Alert>
      )}
      {system.disk?.low && room && (
        <Alert
          color="yellow"
          variant="light"
          icon={<IconDatabaseExclamation />}
          title={t.system.diskLow(room)}
          role="status"
        >
          <Text size="sm">{t.system.diskLowText}</Text>
        </Alert>
      )}
    </Stack>
  );
}
