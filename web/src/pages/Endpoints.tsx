// The endpoints of a tenant, with what one does to them.
import {
  ActionIcon,
  Anchor,
  Box,
  Button,
  Group,
  Menu,
  Paper,
  Table,
  Text,
  Tooltip,
  VisuallyHidden,
} from "@mantine/core";
import { notifications } from "@mantine/notifications";
import {
  IconDots,
  IconHistory,
  IconPlayerPause,
  IconPlayerPlay,
  IconPlus,
  IconPower,
  IconSend,
  IconSettings,
  IconStethoscope,
  IconTarget,
  IconTrash,
} from "@tabler/icons-react";
import { useMutation, useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useParams } from "@tanstack/react-router";
import { useState } from "react";
import { api, type Contract, type Endpoint, ok } from "../api/client";
import { contractsQuery, endpointsQuery, ofTenant, queryClient } from "../api/queries";
import { type Language, useT } from "../i18n";
import { Empty, HealthBadge, PageHead, Skeletons, Time, Trouble, wordsOf } from "../parts/basics";
import { Confirm } from "../parts/Confirm";
import { useMay, useShows } from "../session";

export const nameOf = (e: Endpoint, unnamed: string) => e.name || unnamed;

/** The events an endpoint takes, in the words of its contract. */
export function eventWords(e: Endpoint, contract: Contract | undefined, t: ReturnType<typeof useT>): string {
  if (e.event_types.length === 0) {
    const named = contract?.event_types.filter((x) => x.name !== "*") ?? [];
    return named.length === 1 ? (named[0]?.title ?? named[0]?.name ?? "") : t.endpoints.anyEvent;
  }
  const words = e.event_types.map((name) => contract?.event_types.find((x) => x.name === name)?.title ?? name);
  return words.length > 2 ? t.endpoints.events(words.length) : words.join(", ");
}

export function EndpointsPage() {
  const t = useT();
  const { tenant } = useParams({ from: "/t/$tenant/endpoints" });
  const list = useQuery({ ...endpointsQuery(tenant), refetchInterval: 15_000 });
  const contracts = useQuery(contractsQuery(t.code as Language));
  const mayChange = useMay("edit_endpoints");
  const add = mayChange && (
    <Button
      component={Link}
      {...{ to: `/t/${encodeURIComponent(tenant)}/endpoints/new` }}
      leftSection={<IconPlus size={16} />}
    >
      {t.endpoints.new}
    </Button>
  );
  return (
    <>
      <PageHead title={t.endpoints.title} text={t.endpoints.text}>
        {list.data && list.data.length > 0 && add}
      </PageHead>
      <Trouble error={list.error} retry={() => void list.refetch()} />
      {!list.error && (
        <Paper>
          {list.isPending ? (
            <Skeletons rows={4} height={36} />
          ) : list.data.length === 0 ? (
            <Empty icon={<IconTarget size={40} stroke={1.5} />} title={t.endpoints.empty} text={t.endpoints.emptyText}>
              {add}
            </Empty>
          ) : (
            <>
              <Table.ScrollContainer minWidth={820} type="native" tabIndex={0} visibleFrom="sm">
                <Table>
                  <Table.Thead>
                    <Table.Tr>
                      <Table.Th>{t.common.name}</Table.Th>
                      <Table.Th>{t.endpoints.event}</Table.Th>
                      <Table.Th>{t.endpoints.url}</Table.Th>
                      <Table.Th>{t.endpoints.method}</Table.Th>
                      <Table.Th>{t.endpoints.lastRun}</Table.Th>
                      <Table.Th>{t.common.state}</Table.Th>
                      <Table.Th w={56}>
                        <VisuallyHidden>{t.common.actions}</VisuallyHidden>
                      </Table.Th>
                    </Table.Tr>
                  </Table.Thead>
                  <Table.Tbody>
                    {list.data.map((e) => {
                      const contract = contracts.data?.find((c) => c.name === e.contract);
                      return (
                        <Table.Tr key={e.id}>
                          <Table.Td maw={220}>
                            <Anchor
                              component={Link}
                              {...{ to: `/t/${encodeURIComponent(tenant)}/endpoints/${e.id}` }}
                              fw={550}
                              size="sm"
                            >
                              {nameOf(e, t.common.unnamed)}
                            </Anchor>
                            <Text size="xs" c="dimmed" className="clip">
                              {contract?.title ?? e.contract}
                            </Text>
                          </Table.Td>
                          <Table.Td maw={200}>
                            <Text size="sm" lineClamp={2}>
                              {eventWords(e, contract, t)}
                            </Text>
                          </Table.Td>
                          <Table.Td maw={280}>
                            <Tooltip label={e.url} multiline maw={480}>
                              <Text className="mono clip" tabIndex={-1}>
                                {e.url}
                              </Text>
                            </Tooltip>
                          </Table.Td>
                          <Table.Td className="mono">{e.method}</Table.Td>
                          <Table.Td>
                            <LastRun endpoint={e} />
                          </Table.Td>
                          <Table.Td>
                            <HealthBadge endpoint={e} />
                          </Table.Td>
                          <Table.Td>
                            <EndpointMenu endpoint={e} />
                          </Table.Td>
                        </Table.Tr>
                      );
                    })}
                  </Table.Tbody>
                </Table>
              </Table.ScrollContainer>
              <Box hiddenFrom="sm">
                {list.data.map((e) => (
                  <Group
                    key={e.id}
                    justify="space-between"
                    wrap="nowrap"
                    p="md"
                    style={{ borderBottom: "1px solid var(--mantine-color-default-border)" }}
                  >
                    <Box style={{ minWidth: 0 }}>
                      <Anchor
                        component={Link}
                        {...{ to: `/t/${encodeURIComponent(tenant)}/endpoints/${e.id}` }}
                        fw={550}
                        size="sm"
                      >
                        {nameOf(e, t.common.unnamed)}
                      </Anchor>
                      <Text className="mono clip" c="dimmed">
                        {e.url}
                      </Text>
                      <Group gap="xs" mt={6}>
                        <HealthBadge endpoint={e} />
                        <LastRun endpoint={e} />
                      </Group>
                    </Box>
                    <EndpointMenu endpoint={e} />
                  </Group>
                ))}
              </Box>
            </>
          )}
        </Paper>
      )}
    </>
  );
}

type Verb = "pause" | "resume" | "disable";

/** Changes the state of an endpoint, and says so. */
export function useEndpointState(e: Endpoint) {
  const t = useT();
  const path = { tenant: e.tenant, endpoint: e.id };
  return useMutation({
    mutationFn: (verb: Verb) => {
      const to = { params: { path } };
      if (verb === "pause") return ok(api.POST("/v1/tenants/{tenant}/endpoints/{endpoint}/pause", to));
      if (verb === "resume") return ok(api.POST("/v1/tenants/{tenant}/endpoints/{endpoint}/resume", to));
      return ok(api.POST("/v1/tenants/{tenant}/endpoints/{endpoint}/disable", to));
    },
    onSuccess: (_, verb) => {
      notifications.show({
        message: { pause: t.endpoints.paused, resume: t.endpoints.enabled, disable: t.endpoints.disabled }[verb],
      });
      return queryClient.invalidateQueries({ queryKey: [...ofTenant(e.tenant), "endpoints"] });
    },
    onError: (error) => notifications.show({ color: "red", title: t.problem.title, message: wordsOf(error, t) }),
  });
}

export function EndpointMenu({ endpoint: e, onDeleted }: { endpoint: Endpoint; onDeleted?: () => void }) {
  const t = useT();
  const go = useNavigate();
  const mayChange = useMay("edit_endpoints");
  const shows = useShows();
  const [asking, ask] = useState<"delete" | "disable">();
  const state = useEndpointState(e);
  const remove = useMutation({
    mutationFn: () =>
      ok(
        api.DELETE("/v1/tenants/{tenant}/endpoints/{endpoint}", {
          params: { path: { tenant: e.tenant, endpoint: e.id } },
        }),
      ),
    onSuccess: async () => {
      notifications.show({ message: t.endpoints.deleted });
      ask(undefined);
      onDeleted?.();
      queryClient.removeQueries({ queryKey: [...ofTenant(e.tenant), "endpoints", e.id] });
      await queryClient.invalidateQueries({ queryKey: endpointsQuery(e.tenant).queryKey, exact: true });
    },
  });
  const name = nameOf(e, t.common.unnamed);
  const show = (tab: "history" | "configuration" | "test") =>
    void go({ to: "/t/$tenant/endpoints/$endpoint", params: { tenant: e.tenant, endpoint: e.id }, search: { tab } });
  // The newest delivery that was attempted, a test included; the history, if there is none.
  const last = useMutation({
    mutationFn: () =>
      ok(
        api.GET("/v1/tenants/{tenant}/deliveries", {
          params: { path: { tenant: e.tenant }, query: { endpoint: [e.id], limit: 50 } },
        }),
      ),
    onSuccess: ({ items }) => {
      const d = items.find((x) => x.attempts > 0);
      if (!d) return show("history");
      void go({ to: "/t/$tenant/deliveries/$delivery", params: { tenant: e.tenant, delivery: d.id } });
    },
    onError: (err) => notifications.show({ color: "red", title: t.problem.title, message: wordsOf(err, t) }),
  });
  return (
    <>
      <Menu position="bottom-end" width={230}>
        <Menu.Target>
          <ActionIcon variant="subtle" color="gray" aria-label={t.endpoints.menu(name)}>
            <IconDots size={18} />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          {shows("deliveries") && (
            <>
              <Menu.Item leftSection={<IconSend size={16} />} onClick={() => last.mutate()}>
                {t.endpoints.lastRunOf}
              </Menu.Item>
              <Menu.Item leftSection={<IconHistory size={16} />} onClick={() => show("history")}>
                {t.endpoints.history}
              </Menu.Item>
            </>
          )}
          <Menu.Item leftSection={<IconSettings size={16} />} onClick={() => show("configuration")}>
            {t.endpoints.configuration}
          </Menu.Item>
          {shows("test") && (
            <Menu.Item leftSection={<IconStethoscope size={16} />} onClick={() => show("test")}>
              {t.endpoints.test}
            </Menu.Item>
          )}
          {mayChange && (
            <>
              <Menu.Divider />
              {e.state === "active" && (
                <Menu.Item leftSection={<IconPlayerPause size={16} />} onClick={() => state.mutate("pause")}>
                  {t.endpoints.pause}
                </Menu.Item>
              )}
              {e.state === "paused" && (
                <Menu.Item leftSection={<IconPlayerPlay size={16} />} onClick={() => state.mutate("resume")}>
                  {t.endpoints.resume}
                </Menu.Item>
              )}
              {e.state === "disabled" ? (
                <Menu.Item leftSection={<IconPower size={16} />} onClick={() => state.mutate("resume")}>
                  {t.endpoints.enable}
                </Menu.Item>
              ) : (
                <Menu.Item leftSection={<IconPower size={16} />} onClick={() => ask("disable")}>
                  {t.endpoints.disable}
                </Menu.Item>
              )}
              <Menu.Item color="red" leftSection={<IconTrash size={16} />} onClick={() => ask("delete")}>
                {t.common.delete}
              </Menu.Item>
            </>
          )}
        </Menu.Dropdown>
      </Menu>
      {asking === "delete" && (
        <Confirm
          title={t.endpoints.deleteTitle(name)}
          text={t.endpoints.deleteText}
          verb={t.common.delete}
          danger
          busy={remove.isPending}
          error={remove.error}
          onCancel={() => ask(undefined)}
          onConfirm={() => remove.mutate()}
        />
      )}
      {asking === "disable" && (
        <Confirm
          title={t.endpoints.disableTitle(name)}
          text={t.endpoints.disableText}
          verb={t.endpoints.disable}
          busy={state.isPending}
          onCancel={() => ask(undefined)}
          onConfirm={() => state.mutate("disable", { onSettled: () => ask(undefined) })}
        />
      )}
    </>
  );
}

/** When the endpoint got its latest request, and how its latest test ended if that is newer. */
function LastRun({ endpoint: e }: { endpoint: Endpoint }) {
  const t = useT();
  const tested = e.last_test && (!e.last_run || e.last_test.at > e.last_run) ? e.last_test : undefined;
  return (
    <>
      {(e.last_run || !tested) && (
        <Text size="sm">
          <Time at={e.last_run} />
        </Text>
      )}
      {tested && (
        <Text size="xs" c="dimmed">
          {t.deliveries.test}: {t.reason[tested.status] ?? tested.status} · <Time at={tested.at} />
        </Text>
      )}
    </>
  );
}
