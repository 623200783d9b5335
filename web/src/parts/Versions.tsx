// The versions of a contract: what each one says beside the one in force, and the way back to it.
import { Badge, Button, Group, Paper, Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import type { Schemas } from "../api/client";
import { contractQuery } from "../api/queries";
import { number } from "../format";
import { type Language, useT } from "../i18n";
import { Skeletons, Time, Trouble } from "./basics";
import { Diff } from "./Diff";

type Detail = Schemas["ContractDetail"];

export function Versions({ contract: c }: { contract: Detail }) {
  const t = useT();
  const [compared, compare] = useState<number>();
  return (
    <Stack gap="sm" component="ol" m={0} p={0} style={{ listStyle: "none" }}>
      {c.versions.map((v) => (
        <Paper key={v.version} p="md" component="li">
          <Group justify="space-between" gap="sm">
            <div>
              <Group gap="xs">
                <Text fw={600}>{t.editor.versionOf(number(v.version, t.locale))}</Text>
                {v.version === c.version && <Badge variant="default">{t.editor.inForce}</Badge>}
              </Group>
              <Text size="sm" c="dimmed">
                {t.editor.origins[v.origin]} · <Time at={v.created_at} />
              </Text>
            </div>
            {v.version !== c.version && (
              <Group gap="xs">
                <Button
                  size="xs"
                  variant="default"
                  aria-expanded={compared === v.version}
                  onClick={() => compare(compared === v.version ? undefined : v.version)}
                >
                  {t.editor.compare}
                </Button>
                <Button
                  size="xs"
                  variant="default"
                  component={Link}
                  {...{ to: `/contracts/${c.name}`, search: { tab: "playground", version: v.version } as never }}
                >
                  {t.editor.restore}
                </Button>
              </Group>
            )}
          </Group>
          {compared === v.version && <Compared contract={c} version={v.version} />}
        </Paper>
      ))}
    </Stack>
  );
}

/** What the version in force changed of an earlier one. */
function Compared({ contract: c, version }: { contract: Detail; version: number }) {
  const t = useT();
  const earlier = useQuery(contractQuery(c.name, t.code as Language, version));
  if (earlier.error) return <Trouble error={earlier.error} retry={() => void earlier.refetch()} />;
  if (!earlier.data) return <Skeletons rows={3} />;
  return (
    <Diff
      before={earlier.data.source}
      after={c.source}
      label={t.editor.between(number(version, t.locale), number(c.version, t.locale))}
    />
  );
}
