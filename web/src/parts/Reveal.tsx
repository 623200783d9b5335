// Shows personal data that is masked otherwise. Each look is in the audit, so nobody looks by accident.
import { Button, Group, Text } from "@mantine/core";
import { IconEye, IconEyeOff } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { contractsQuery } from "../api/queries";
import { type Language, useT } from "../i18n";
import { useMay } from "../session";
import { Confirm } from "./Confirm";

/** Whether what belongs to a contract has personal data that the visitor may see. */
export function useMayReveal(contract: string | undefined): boolean {
  const t = useT();
  const contracts = useQuery(contractsQuery(t.code as Language));
  const mayChange = useMay("reveal");
  return mayChange && (contracts.data?.find((c) => c.name === contract)?.sensitive.length ?? 0) > 0;
}

export function Reveal({
  shown,
  busy,
  onChange,
}: {
  shown: boolean;
  busy: boolean;
  onChange: (shown: boolean) => void;
}) {
  const t = useT();
  const [asking, setAsking] = useState(false);
  return (
    <Group gap="sm" mb="sm">
      <Button
        size="xs"
        variant="default"
        loading={busy}
        leftSection={shown ? <IconEyeOff size={14} /> : <IconEye size={14} />}
        onClick={() => (shown ? onChange(false) : setAsking(true))}
      >
        {shown ? t.people.hide : t.people.reveal}
      </Button>
      <Text size="xs" c="dimmed" style={{ flex: "1 1 12rem" }}>
        {shown ? t.people.revealed : t.people.masked}
      </Text>
      {asking && (
        <Confirm
          title={t.people.revealTitle}
          text={t.people.revealText}
          verb={t.people.reveal}
          onCancel={() => setAsking(false)}
          onConfirm={() => {
            setAsking(false);
            onChange(true);
          }}
        />
      )}
    </Group>
  );
}
