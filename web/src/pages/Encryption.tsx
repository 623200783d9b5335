// The keys that encrypt what is stored: which one seals, and how far its replacement is.
import { Alert, Button, Group, Paper, Progress, Stack, Text, Title } from "@mantine/core";
import { IconRefresh } from "@tabler/icons-react";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { api, ok, type Schemas } from "../api/client";
import { encryptionKeysQuery, queryClient } from "../api/queries";
import { number, percent } from "../format";
import { useT } from "../i18n";
import { PageHead, Skeletons, Time, Tone, Trouble, Unreadable } from "../parts/basics";
import { Confirm } from "../parts/Confirm";
import { Columns } from "../parts/Listing";

type Keys = Schemas["EncryptionKeys"];

const colour: Record<Keys["keys"][number]["state"], string> = {
  next: "blue",
  active: "teal",
  old: "yellow",
  retired: "gray",
};

export function EncryptionPage() {
  const t = useT();
  const [asking, setAsking] = useState(false);
  const state = useQuery(encryptionKeysQuery());
  const rotate = useMutation({
    mutationFn: () => ok(api.POST("/v1/encryption-keys/rotate")),
    onSuccess: (keys) => {
      queryClient.setQueryData(encryptionKeysQuery().queryKey, keys);
      setAsking(false);
    },
  });
  const s = state.data;
  const damaged = s?.keys.findLast((k) => k.state === "retired")?.damaged ?? 0; // as the last replacement found it
  return (
    <>
      <PageHead title={t.encryption.title} text={t.encryption.text}>
        {s && !s.rotating && (
          <Button variant="default" leftSection={<IconRefresh size={16} />} onClick={() => setAsking(true)}>
            {t.encryption.rotate}
          </Button>
        )}
      </PageHead>
      <Trouble error={state.error} retry={() => void state.refetch()} />
      <Stack gap="lg">
        {s?.rotating && <Rotation keys={s} />}
        {damaged > 0 && (
          <Unreadable title={t.encryption.damaged(number(damaged, t.locale))} text={t.encryption.damagedText} />
        )}
        <Paper>
          {s ? (
            <Columns
              items={s.keys.toReversed()}
              id={(k) => k.id}
              width={520}
              columns={[
                { label: "Id", className: "mono", cell: (k) => k.id },
                {
                  label: t.common.state,
                  cell: (k) => <Tone color={colour[k.state]}>{t.encryption.states[k.state]}</Tone>,
                },
                { label: t.common.created, cell: (k) => <Time at={k.created_at} /> },
                {
                  label: t.encryption.means,
                  cell: (k) => <Text size="sm">{t.encryption.stateTexts[k.state]}</Text>,
                },
              ]}
            />
          ) : (
            !state.error && <Skeletons rows={2} />
          )}
        </Paper>
        <Text size="sm" c="dimmed">
          {t.encryption.keep}
        </Text>
      </Stack>
      {asking && (
        <Confirm
          title={t.encryption.rotateTitle}
          text={t.encryption.rotateText}
          verb={t.encryption.rotate}
          busy={rotate.isPending}
          error={rotate.error}
          onCancel={() => {
            rotate.reset();
            setAsking(false);
          }}
          onConfirm={() => rotate.mutate()}
        />
      )}
    </>
  );
}

/** How far it is, and what it waits for. */
function Rotation({ keys: s }: { keys: Keys }) {
  const t = useT();
  const part = s.total > 0 ? s.done / s.total : 0;
  return (
    <Paper p="lg" component="section" aria-labelledby="rotation">
      <Group justify="space-between" mb="xs">
        <Title order={2} id="rotation">
          {t.encryption.rotating}
        </Title>
        {s.total > 0 && (
          <Text size="sm" className="number">
            {percent(part, t.locale)}
          </Text>
        )}
      </Group>
      {s.waiting_for.length > 0 ? (
        <Alert color="yellow" variant="light" title={t.encryption.waiting}>
          <Text size="sm">
            {s.waiting_for.map((x) => (x === "this server" ? t.encryption.thisServer : x)).join(", ")}
          </Text>
          <Text size="sm" mt={4}>
            {t.encryption.waitingText}
          </Text>
        </Alert>
      ) : (
        <>
          <Progress value={100 * part} aria-label={t.encryption.rotating} mb="xs" />
          <Text size="sm" c="dimmed" className="number">
            {s.total > 0
              ? t.encryption.rows(number(s.done, t.locale), number(Math.max(s.total - s.done, 0), t.locale))
              : t.encryption.begins}
          </Text>
        </>
      )}
    </Paper>
  );
}
