// A tenant as an encrypted file, to move it to another installation.
import { Alert, Anchor, Button, FileInput, Group, PasswordInput, Stack, Text } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { Problem, raw, type Schemas, type Tenant } from "../api/client";
import { ofTenant, queryClient } from "../api/queries";
import { number } from "../format";
import { useT } from "../i18n";
import { save } from "./Code";
import { FormModal } from "./FormModal";
import { useSentForm } from "./form";

/** A header carries it, which takes no other characters. */
const usable = (passphrase: string) => /^[!-~][ -~]{10,}[!-~]$/.test(passphrase);

type Sent = ReturnType<typeof useSentForm<{ passphrase: string; file: File | null }, unknown>>;

function Passphrase({ sent, isNew }: { sent: Pick<Sent, "form">; isNew?: boolean }) {
  const t = useT();
  return (
    <PasswordInput
      label={t.move.passphrase}
      description={isNew ? t.move.passphraseHelp : undefined}
      autoComplete={isNew ? "new-password" : "off"}
      required
      visibilityToggleButtonProps={{ "aria-label": t.common.show }}
      {...sent.form.getInputProps("passphrase")}
      data-autofocus={isNew}
    />
  );
}

/** The whole of an answer that can break off. */
async function wholeOf(answer: Response): Promise<Blob> {
  try {
    return await answer.blob();
  } catch {
    throw new Problem(0, "network", "");
  }
}

export function ExportTenant({ tenant, onClose }: { tenant: Tenant; onClose: () => void }) {
  const t = useT();
  const file = `${tenant.id}.age`;
  const sent = useSentForm({
    initialValues: { passphrase: "", file: null as File | null },
    needed: ["passphrase"],
    send: async ({ passphrase }) => {
      if (!usable(passphrase)) throw new Error(t.move.passphraseWrong);
      const answer = await raw(`/v1/tenants/${encodeURIComponent(tenant.id)}/export`, {
        method: "POST",
        headers: { "Gancho-Passphrase": passphrase },
      });
      save(file, await wholeOf(answer));
      return true;
    },
    onSuccess: () => queryClient.invalidateQueries({ queryKey: ofTenant(tenant.id) }),
  });
  return (
    <FormModal
      title={t.move.exportTitle(tenant.name || tenant.id)}
      sent={sent}
      verb={t.move.export}
      result={
        sent.sending.data && (
          <Stack>
            <Text size="sm" role="status">
              {t.move.exported(file)}
            </Text>
            <Group justify="flex-end">
              <Button onClick={onClose}>{t.common.close}</Button>
            </Group>
          </Stack>
        )
      }
      onClose={onClose}
    >
      <Text size="sm">{t.move.exportText}</Text>
      <Passphrase sent={sent} isNew />
    </FormModal>
  );
}

export function ImportTenant({ onClose }: { onClose: () => void }) {
  const t = useT();
  const sent = useSentForm({
    initialValues: { passphrase: "", file: null as File | null },
    needed: ["passphrase"],
    send: async ({ passphrase, file }): Promise<Schemas["TenantFile"]> => {
      if (!usable(passphrase)) throw new Error(t.move.passphraseWrong);
      const answer = await raw("/v1/tenants/import", {
        method: "POST",
        headers: { "Gancho-Passphrase": passphrase, "Content-Type": "application/octet-stream" },
        body: file ?? new Blob(),
      });
      return answer.json();
    },
    onSuccess: () => queryClient.invalidateQueries({ queryKey: ["tenants"] }),
  });
  const made = sent.sending.data;
  return (
    <FormModal
      title={t.move.importTitle}
      sent={sent}
      verb={t.move.import}
      ready={sent.form.values.file !== null}
      result={
        made && (
          <Stack>
            <Text size="sm" role="status">
              {t.move.imported(made.tenant, number(made.rows, t.locale))}
            </Text>
            {made.unreadable_count > 0 && (
              <Alert color="yellow" variant="light">
                {t.move.unreadable(number(made.unreadable_count, t.locale))}
              </Alert>
            )}
            <Group justify="space-between">
              <Anchor component={Link} {...({ to: "/t/$tenant", params: { tenant: made.tenant } } as object)} size="sm">
                {t.move.open}
              </Anchor>
              <Button onClick={onClose}>{t.common.close}</Button>
            </Group>
          </Stack>
        )
      }
      onClose={onClose}
    >
      <Text size="sm">{t.move.importText}</Text>
      <FileInput
        label={t.move.file}
        placeholder={t.move.choose}
        accept=".age"
        required
        {...sent.form.getInputProps("file")}
      />
      <Passphrase sent={sent} />
    </FormModal>
  );
}
