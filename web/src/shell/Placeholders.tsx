// What stands in the place of a page that is loading, or that does not exist.
import { Center, Loader, Stack, Text, Title } from "@mantine/core";
import { useT } from "../i18n";

export function Waiting() {
  const t = useT();
  return (
    <Center p="xl" role="status" aria-label={t.common.loading}>
      <Loader size="sm" />
    </Center>
  );
}

export function NothingHere() {
  const t = useT();
  return (
    <Stack align="center" py={80} ta="center">
      <Title order={1}>{t.problem.notFound}</Title>
      <Text c="dimmed">{t.problem.notFoundText}</Text>
    </Stack>
  );
}
