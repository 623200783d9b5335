import { Paper, Skeleton, Text } from "@mantine/core";
import { lazy, Suspense } from "react";
import { useT } from "../i18n";

const LineDiff = lazy(() => import("./LineDiff"));

/** What makes a text of another one, line by line. */
export function Diff({ before, after, label }: { before: string; after: string; label: string }) {
  const t = useT();
  return (
    <Paper p="md">
      <Text size="sm" fw={600} mb="xs">
        {label}
      </Text>
      {before === after ? (
        <Text size="sm" c="dimmed">
          {t.editor.same}
        </Text>
      ) : (
        <Suspense fallback={<Skeleton height={80} radius="md" />}>
          <LineDiff before={before} after={after} label={label} />
        </Suspense>
      )}
    </Paper>
  );
}
