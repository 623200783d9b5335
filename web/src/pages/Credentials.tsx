// Credentials: a name and an address become a key, a secret and a token, shown once.
import { ActionIcon, Button, Menu, Modal, Select, Text, TextInput } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { notifications } from "@mantine/notifications";
import {
  IconDots,
  IconId,
  IconPlayerPause,
  IconPlayerPlay,
  IconPlus,
  IconRefresh,
  IconSend,
  IconTrash,
} from "@tabler/icons-react";
import { useInfiniteQuery, useMutation, useQuery } from "@tanstack/react-query";
import { useNavigate, useParams } from "@tanstack/react-router";
import { useState } from "react";
import { api, ok, type Schemas } from "../api/client";
import { contractsQuery, credentialContractsQuery, credentialsQuery, ofTenant, queryClient } from "../api/queries";
import { type Language, useT } from "../i18n";
import { Empty, PageHead, Skeletons, Time, Tone, Trouble, wordsOf } from "../parts/basics";
import { Confirm } from "../parts/Confirm";
import { FormModal } from "../parts/FormModal";
import { useSentForm } from "../parts/form";
import { itemsOf, Listing, when } from "../parts/Listing";
import { MadeCredential } from "../parts/MadeCredential";
import { Promised } from "../parts/Promised";
import { useMay } from "../session";

type Credential = Schemas["Credential"];

export function CredentialsPage() {
  const t = useT();
  const { tenant } = useParams({ from: "/t/$tenant/credentials" });
  const mayChange = useMay("edit_credentials");
  const [making, { open, close }] = useDisclosure();
  const list = useInfiniteQuery(credentialsQuery(tenant));
  const contracts = useQuery(contractsQuery(t.code as Language));
  const add = mayChange && (
    <Button leftSection={<IconPlus size={16} />} onClick={open}>
      {t.credentials.new}
    </Button>
  );
  return (
    <>
      <PageHead title={t.credentials.title} text={t.credentials.text}>
        {itemsOf(list).length > 0 && add}
      </PageHead>
      <Listing
        list={list}
        id={(c) => c.id}
        width={760}
        empty={
          <Empty icon={<IconId size={40} stroke={1.5} />} title={t.credentials.empty} text={t.credentials.emptyText}>
            {add}
          </Empty>
        }
        columns={[
          { label: t.common.name, cell: (c) => c.name },
          {
            label: t.events.contract,
            cell: (c) => contracts.data?.find((x) => x.name === c.contract)?.title ?? c.contract,
          },
          { label: t.endpoints.url, clip: 240, cell: (c) => <Text className="mono clip">{c.url}</Text> },
          { label: t.keys.hint, className: "mono", cell: (c) => `…${c.hint}` },
          { label: t.credentials.tokenUntil, cell: (c) => <Time at={c.token_expires_at} /> },
          {
            label: t.common.state,
            cell: (c) =>
              c.unreadable ? (
                <Tone color="red">{t.endpointState.unreadable}</Tone>
              ) : (
                <Tone color={c.state === "active" ? "teal" : "yellow"}>{t.endpointState[c.state]}</Tone>
              ),
          },
          ...when<Credential>(mayChange, {
            label: t.common.actions,
            action: true,
            cell: (c) => <CredentialMenu credential={c} />,
          }),
        ]}
      />
      {making && <NewCredential tenant={tenant} onClose={close} />}
    </>
  );
}

const renew = (tenant: string) => queryClient.invalidateQueries({ queryKey: ofTenant(tenant) });

function CredentialMenu({ credential: c }: { credential: Credential }) {
  const t = useT();
  const [deleting, setDeleting] = useState(false);
  const go = useNavigate();
  const test = () =>
    go({
      to: "/t/$tenant/endpoints/$endpoint",
      params: { tenant: c.tenant, endpoint: c.endpoint ?? "" },
      search: { tab: "test" },
    });
  const params = { path: { tenant: c.tenant, credential: c.id } };
  const state = useMutation({
    mutationFn: () =>
      ok(
        api.PATCH("/v1/tenants/{tenant}/credentials/{credential}", {
          params,
          body: { state: c.state === "active" ? "paused" : "active" },
        }),
      ),
    onSuccess: () => renew(c.tenant),
    onError: (e) => notifications.show({ color: "red", title: t.problem.title, message: wordsOf(e, t) }),
  });
  const token = useMutation({
    mutationFn: () => ok(api.POST("/v1/tenants/{tenant}/credentials/{credential}/tokens", { params, body: {} })),
    onSuccess: () => renew(c.tenant),
  });
  const remove = useMutation({
    mutationFn: () => ok(api.DELETE("/v1/tenants/{tenant}/credentials/{credential}", { params })),
    onSuccess: () => renew(c.tenant),
  });
  return (
    <>
      <Menu position="bottom-end" width={210}>
        <Menu.Target>
          <ActionIcon variant="subtle" color="gray" aria-label={t.endpoints.menu(c.name)}>
            <IconDots size={18} />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          {c.endpoint && (
            <Menu.Item leftSection={<IconSend size={16} />} onClick={() => void test()}>
              {t.endpoints.test}
            </Menu.Item>
          )}
          <Menu.Item leftSection={<IconRefresh size={16} />} onClick={() => token.mutate()}>
            {t.credentials.newToken}
          </Menu.Item>
          <Menu.Item
            leftSection={c.state === "active" ? <IconPlayerPause size={16} /> : <IconPlayerPlay size={16} />}
            onClick={() => state.mutate()}
          >
            {c.state === "active" ? t.endpoints.pause : t.endpoints.resume}
          </Menu.Item>
          <Menu.Item color="red" leftSection={<IconTrash size={16} />} onClick={() => setDeleting(true)}>
            {t.common.delete}
          </Menu.Item>
        </Menu.Dropdown>
      </Menu>
      {deleting && (
        <Confirm
          title={t.endpoints.deleteTitle(c.name)}
          text={t.credentials.deleteText}
          verb={t.common.delete}
          danger
          busy={remove.isPending}
          error={remove.error}
          onCancel={() => setDeleting(false)}
          onConfirm={() => remove.mutate()}
        />
      )}
      {(token.data || token.error) && (
        <Modal
          opened
          onClose={token.reset}
          title={<Text fw={620}>{t.credentials.newToken}</Text>}
          centered
          closeOnClickOutside={false}
          closeButtonProps={{ "aria-label": t.common.close }}
        >
          <Trouble error={token.error} />
          {token.data && (
            <MadeCredential made={token.data}>
              <Button onClick={token.reset}>{t.common.close}</Button>
            </MadeCredential>
          )}
        </Modal>
      )}
    </>
  );
}

function NewCredential({ tenant, onClose }: { tenant: string; onClose: () => void }) {
  const t = useT();
  const contracts = useQuery(credentialContractsQuery(t.code as Language));
  const choose = (name: string | null) => contracts.data?.find((c) => c.name === name) ?? contracts.data?.[0];
  const sent = useSentForm({
    initialValues: { contract: null as string | null, name: "", url: "" },
    send: ({ contract, name, url }) => {
      const of = choose(contract);
      return ok(
        api.POST("/v1/tenants/{tenant}/credentials", {
          params: { path: { tenant } },
          body: {
            contract: of?.name ?? "",
            name: name.trim(),
            ...(of?.credentials?.endpoint ? { url: url.trim() } : {}),
          },
        }),
      );
    },
    onSuccess: () => renew(tenant),
  });
  const { form } = sent;
  const made = sent.sending.data;
  const chosen = choose(form.values.contract);
  return (
    <FormModal
      title={t.credentials.new}
      size="lg"
      sent={{ ...sent, trouble: sent.trouble ?? contracts.error }}
      verb={t.credentials.create}
      ready={Boolean(chosen)}
      result={
        made && (
          <MadeCredential made={made}>
            <Button onClick={onClose}>{t.common.close}</Button>
          </MadeCredential>
        )
      }
      onClose={onClose}
    >
      {contracts.isPending ? (
        <Skeletons rows={3} />
      ) : (
        <>
          <Select
            label={t.events.contract}
            data={(contracts.data ?? []).map((c) => ({ value: c.name, label: c.title }))}
            allowDeselect={false}
            {...form.getInputProps("contract")}
            value={chosen?.name ?? null}
          />
          <Promised contract={chosen} />
          <TextInput label={t.common.name} required {...form.getInputProps("name")} />
          {chosen?.credentials?.endpoint && (
            <TextInput
              label={t.form.url}
              description={t.form.urlHelp}
              required
              type="url"
              {...form.getInputProps("url")}
            />
          )}
        </>
      )}
    </FormModal>
  );
}
