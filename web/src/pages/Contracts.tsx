// The webhook systems there are.
import { Anchor, Badge, Button, Group, Paper, SimpleGrid, Text } from "@mantine/core";
import { IconBook2, IconPlus } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { contractsQuery } from "../api/queries";
import { type Language, useT } from "../i18n";
import { PageHead, Skeletons, Trouble } from "../parts/basics";
import { useVisitor } from "../session";

export function ContractsPage() {
  const t = useT();
  const operator = useVisitor().role === "operator";
  const list = useQuery(contractsQuery(t.code as Language));
  return (
    <>
      <PageHead title={t.contracts.title} text={t.contracts.text}>
        {operator && (
          <Button component={Link} {...{ to: "/library" }} leftSection={<IconPlus size={16} />}>
            {t.library.title}
          </Button>
        )}
      </PageHead>
      <Trouble error={list.error} retry={() => void list.refetch()} />
      {list.isPending && (
        <Paper>
          <Skeletons />
        </Paper>
      )}
      <SimpleGrid cols={{ base: 1, sm: 2, lg: 3 }}>
        {list.data?.map((c) => (
          <Paper key={c.name} p="lg" component="article">
            <Group gap="xs" mb={6} wrap="nowrap">
              <IconBook2 size={18} aria-hidden style={{ flex: "none" }} />
              <Anchor component={Link} {...{ to: `/contracts/${c.name}` }} fw={620}>
                {c.title}
              </Anchor>
            </Group>
            <Text size="sm" c="dimmed" lineClamp={3} mb="sm">
              {c.about}
            </Text>
            <Group gap={6}>
              <Badge variant="default">
                {c.event_types.some((e) => e.name === "*") ? t.contracts.any : t.contracts.events(c.event_types.length)}
              </Badge>
              {c.signing && <Badge variant="default">{t.contracts.signed}</Badge>}
            </Group>
          </Paper>
        ))}
      </SimpleGrid>
    </>
  );
}
