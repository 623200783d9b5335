// To which hosts a tenant's webhooks may go, and from which addresses they come.
import { Button, Group, Code as Mono, Paper, Stack, TagsInput, Text, Title } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { api, ok, type Tenant } from "../api/client";
import { queryClient, tenantQuery } from "../api/queries";
import { useT } from "../i18n";
import { Copy, PageHead, Skeletons, Trouble } from "../parts/basics";
import { listError, useSentForm } from "../parts/form";
import { useVisitor } from "../session";

export function NetworkPage() {
  const t = useT();
  const { tenant: id } = useParams({ from: "/t/$tenant/network" });
  const operator = useVisitor().role === "operator";
  const tenant = useQuery(tenantQuery(id));
  return (
    <>
      <PageHead title={t.network.title} text={t.network.text} />
      <Trouble error={tenant.error} retry={() => void tenant.refetch()} />
      {tenant.data ? (
        <Stack gap="lg">
          <Paper p="lg" component="section" aria-labelledby="to">
            <Title order={2} id="to" mb={4}>
              {t.network.to}
            </Title>
            <Text size="sm" c="dimmed" mb="md">
              {t.network.toText}
            </Text>
            {operator ? <Hosts key={tenant.data.updated_at} tenant={tenant.data} /> : <Lists tenant={tenant.data} />}
          </Paper>
          <Senders addresses={tenant.data.sender_addresses} operator={operator} />
        </Stack>
      ) : (
        !tenant.error && <Skeletons rows={4} />
      )}
    </>
  );
}

/** The lists, to be changed. */
function Hosts({ tenant }: { tenant: Tenant }) {
  const t = useT();
  const sent = useSentForm({
    initialValues: { egress: { allow: tenant.egress.allow ?? [], deny: tenant.egress.deny ?? [] } },
    send: ({ egress }) =>
      ok(api.PUT("/v1/tenants/{tenant}", { params: { path: { tenant: tenant.id } }, body: { egress } })),
    onSuccess: (now) => {
      queryClient.setQueryData(tenantQuery(tenant.id).queryKey, now);
      void queryClient.invalidateQueries({ queryKey: ["tenants"] });
      notifications.show({ message: t.network.saved });
    },
  });
  const { form } = sent;
  return (
    <form onSubmit={sent.submit}>
      <Stack maw={640}>
        {(["allow", "deny"] as const).map((name) => (
          <TagsInput
            key={name}
            label={t.network[name]}
            description={t.network[`${name}Help`]}
            placeholder={form.values.egress[name].length === 0 ? "*.example.com" : undefined}
            splitChars={[",", " ", ";"]}
            acceptValueOnBlur
            maxTags={200}
            {...form.getInputProps(`egress.${name}`)}
            error={listError(form, `egress.${name}`)}
          />
        ))}
        <Trouble error={sent.trouble} />
        <Group>
          <Button type="submit" loading={sent.sending.isPending} disabled={!form.isDirty()}>
            {t.common.save}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

/** The lists, to be read. */
function Lists({ tenant }: { tenant: Tenant }) {
  const t = useT();
  const { allow = [], deny = [] } = tenant.egress;
  if (allow.length + deny.length === 0) return <Text size="sm">{t.network.anywhere}</Text>;
  return (
    <Stack gap="sm">
      {allow.length > 0 && <Entries label={t.network.allow} list={allow} />}
      {deny.length > 0 && <Entries label={t.network.deny} list={deny} />}
    </Stack>
  );
}

function Senders({ addresses, operator }: { addresses: string[]; operator: boolean }) {
  const t = useT();
  return (
    <Paper p="lg" component="section" aria-labelledby="from">
      <Group justify="space-between" mb={4} wrap="nowrap" align="flex-start">
        <Title order={2} id="from">
          {t.network.from}
        </Title>
        {addresses.length > 0 && <Copy text={addresses.join("\n")} label={`${t.common.copy}: ${t.network.from}`} />}
      </Group>
      <Text size="sm" c="dimmed" mb={addresses.length > 0 ? "md" : undefined}>
        {addresses.length > 0 ? t.network.fromText : t.network.fromNone}
      </Text>
      {addresses.length > 0 && <Entries list={addresses} />}
      {operator && (
        <Text size="xs" c="dimmed" mt="sm">
          {t.network.fromOption} <Mono>--sender-addresses</Mono>
        </Text>
      )}
    </Paper>
  );
}

function Entries({ label, list }: { label?: string; list: string[] }) {
  return (
    <div>
      {label && (
        <Text size="sm" fw={550} mb={4}>
          {label}
        </Text>
      )}
      <Group gap={6}>
        {list.map((x) => (
          <Mono key={x} style={{ overflowWrap: "anywhere" }}>
            {x}
          </Mono>
        ))}
      </Group>
    </div>
  );
}
