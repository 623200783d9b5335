import { Button, Group, Modal, Text } from "@mantine/core";
import type { ReactNode } from "react";
import { useT } from "../i18n";
import { Trouble } from "./basics";

/** Asks before something that cannot be taken back. */
export function Confirm({
  title,
  text,
  verb,
  danger,
  busy,
  error,
  onCancel,
  onConfirm,
  children,
}: {
  title: string;
  text: string;
  verb: string;
  danger?: boolean;
  busy?: boolean;
  error?: unknown;
  onCancel: () => void;
  onConfirm: () => void;
  children?: ReactNode;
}) {
  const t = useT();
  return (
    <Modal
      opened
      onClose={onCancel}
      title={<Text fw={620}>{title}</Text>}
      centered
      closeButtonProps={{ "aria-label": t.common.close }}
    >
      <Text size="sm" mb="md">
        {text}
      </Text>
      {children}
      <Trouble error={error} />
      <Group justify="flex-end" mt="lg">
        <Button variant="default" onClick={onCancel}>
          {t.common.cancel}
        </Button>
        <Button color={danger ? "red.8" : undefined} loading={busy} onClick={onConfirm} data-autofocus>
          {verb}
        </Button>
      </Group>
    </Modal>
  );
}
