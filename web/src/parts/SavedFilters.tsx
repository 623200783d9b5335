// Filters of deliveries with names, which all people of a tenant see.
import { ActionIcon, Button, Group, Popover, Stack, Text, TextInput } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { notifications } from "@mantine/notifications";
import { IconBookmark, IconTrash } from "@tabler/icons-react";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { api, ok } from "../api/client";
import { type DeliveryFilter, ofTenant, queryClient } from "../api/queries";
import { useT } from "../i18n";
import { useMay } from "../session";
import { Trouble } from "./basics";

export function SavedFilters({
  tenant,
  filter,
  onChoose,
}: {
  tenant: string;
  filter: DeliveryFilter;
  onChoose: (f: DeliveryFilter) => void;
}) {
  const t = useT();
  const mayChange = useMay("retry");
  const [opened, { toggle, close }] = useDisclosure();
  const [name, setName] = useState("");
  const key = [...ofTenant(tenant), "saved-filters"];
  const list = useQuery({
    queryKey: key,
    queryFn: async () =>
      (await ok(api.GET("/v1/tenants/{tenant}/saved-filters", { params: { path: { tenant } } }))).items,
    enabled: opened,
  });
  const again = () => void queryClient.invalidateQueries({ queryKey: key });
  const save = useMutation({
    mutationFn: () =>
      ok(
        api.POST("/v1/tenants/{tenant}/saved-filters", {
          params: { path: { tenant } },
          body: {
            name: name.trim(),
            query: Object.fromEntries(Object.entries(filter).map(([k, v]) => [k, String(v)])),
          },
        }),
      ),
    onSuccess: (f) => {
      notifications.show({ message: t.deliveries.savedAs(f.name) });
      setName("");
      again();
    },
  });
  const remove = useMutation({
    mutationFn: (id: string) =>
      ok(api.DELETE("/v1/tenants/{tenant}/saved-filters/{filter}", { params: { path: { tenant, filter: id } } })),
    onSuccess: again,
  });
  return (
    <Popover opened={opened} onChange={(o) => !o && close()} position="bottom-start" width={300} trapFocus>
      <Popover.Target>
        <Button variant="default" leftSection={<IconBookmark size={16} />} onClick={toggle} aria-expanded={opened}>
          {t.deliveries.saved}
        </Button>
      </Popover.Target>
      <Popover.Dropdown aria-label={t.deliveries.saved}>
        <Stack gap="xs">
          {list.data?.map((f) => (
            <Group key={f.id} justify="space-between" wrap="nowrap" gap={4}>
              <Button
                variant="subtle"
                size="compact-sm"
                onClick={() => {
                  const { tests, ...rest } = f.query;
                  onChoose({ ...rest, ...(tests === "false" ? { tests: false } : {}) });
                  close();
                }}
              >
                {f.name}
              </Button>
              {mayChange && (
                <ActionIcon
                  variant="subtle"
                  color="gray"
                  aria-label={t.deliveries.unsave(f.name)}
                  onClick={() => remove.mutate(f.id)}
                >
                  <IconTrash size={16} />
                </ActionIcon>
              )}
            </Group>
          ))}
          {mayChange && Object.keys(filter).length > 0 && (
            <form
              onSubmit={(e) => {
                e.preventDefault();
                if (name.trim()) save.mutate();
              }}
            >
              <TextInput
                label={t.deliveries.savedName}
                maxLength={100}
                value={name}
                onChange={(e) => setName(e.currentTarget.value)}
              />
              <Button type="submit" size="xs" mt="xs" loading={save.isPending}>
                {t.deliveries.save}
              </Button>
            </form>
          )}
          <Text size="xs" c="dimmed">
            {t.deliveries.savedNote}
          </Text>
          <Trouble error={list.error ?? save.error ?? remove.error} />
        </Stack>
      </Popover.Dropdown>
    </Popover>
  );
}
