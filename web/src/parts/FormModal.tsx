// A dialog with a form that the server checks.
import { Button, Group, Modal, type ModalProps, Stack, Text } from "@mantine/core";
import type { FormEvent, ReactNode } from "react";
import { useT } from "../i18n";
import { Trouble } from "./basics";

export function FormModal({
  title,
  sent,
  verb,
  ready = true,
  danger,
  size,
  result,
  onClose,
  children,
}: {
  title: string;
  /** The form, as useSentForm returns it. */
  sent: {
    submit: (e: FormEvent<HTMLFormElement>) => void;
    sending: { isPending: boolean };
    trouble: unknown;
  };
  /** What the button says that sends the form. */
  verb: string;
  /** False while the form cannot be sent yet. */
  ready?: boolean;
  /** It cannot be taken back. */
  danger?: boolean;
  size?: ModalProps["size"];
  /** Shown in place of the form. It may be shown only once, so a click beside the dialog does not close it. */
  result?: ReactNode;
  onClose: () => void;
  children: ReactNode;
}) {
  const t = useT();
  return (
    <Modal
      opened
      onClose={onClose}
      size={size}
      title={<Text fw={620}>{title}</Text>}
      centered
      closeOnClickOutside={!result}
      closeButtonProps={{ "aria-label": t.common.close }}
    >
      {result || (
        <form onSubmit={sent.submit} noValidate>
          <Stack>
            {children}
            <Trouble error={sent.trouble} />
            <Group justify="flex-end">
              <Button variant="default" onClick={onClose}>
                {t.common.cancel}
              </Button>
              <Button
                type="submit"
                color={danger ? "red.8" : undefined}
                loading={sent.sending.isPending}
                disabled={!ready}
              >
                {verb}
              </Button>
            </Group>
          </Stack>
        </form>
      )}
    </Modal>
  );
}
