// What stands in the place of a page that is loading, or that does not exist.
import { Button, Center, Loader, Stack, Text, Title } from "@mantine/core";
import { Link } from "@tanstack/react-router";
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

/** For a visitor of the portal who came by an address that is not for them. */
export function NotForYou({ first }: { first?: string }) {
  const t = useT();
  return (
    <Stack align="center" py={80} ta="center" role="status">
      <Title order={1}>{t.portal.hidden}</Title>
      <Text c="dimmed">{t.portal.hiddenText}</Text>
      {first && (
        <Button component={Link} {...{ to: first }} variant="default">
          {t.portal.first}
        </Button>
      )}
    </Stack>
  );
}
