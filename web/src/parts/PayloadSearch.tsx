// Deliveries by a text in their payload. The server looks at a part at a time; one sees how far it is and goes on.
import { Button, Group, Loader, Paper, Text } from "@mantine/core";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { api, type Delivery, ok } from "../api/client";
import { asked, type DeliveryFilter, ofTenant } from "../api/queries";
import { number } from "../format";
import { useT } from "../i18n";
import { useMay } from "../session";
import { bulkOf } from "./Bulk";
import { Time, Trouble } from "./basics";

const everything = "pending,sending,retrying,delivered,failed,unknown,cancelled";

export function PayloadSearch({
  tenant,
  filter,
  text,
  row,
}: {
  tenant: string;
  filter: DeliveryFilter;
  text: string;
  row: (d: Delivery) => ReactNode;
}) {
  const t = useT();
  const mayCount = useMay("retry");
  const found = useInfiniteQuery({
    queryKey: [...ofTenant(tenant), "exact", "contains", filter, text],
    queryFn: ({ pageParam, signal }) =>
      ok(
        api.GET("/v1/tenants/{tenant}/deliveries", {
          params: { path: { tenant }, query: { ...asked(filter), limit: 100, cursor: pageParam, contains: text } },
          signal,
        }),
      ),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next_cursor ?? undefined,
    gcTime: 0,
  });
  const body = bulkOf("retry", { ...filter, state: filter.state ?? everything });
  const all = useQuery({
    queryKey: [...ofTenant(tenant), "bulk-preview", body],
    queryFn: () => ok(api.POST("/v1/tenants/{tenant}/bulk-actions/preview", { params: { path: { tenant } }, body })),
    enabled: mayCount,
  });
  const pages = found.data?.pages ?? [];
  const looked = pages.reduce((n, p) => n + (p.searched?.deliveries ?? 0), 0);
  const hidden = pages.reduce((n, p) => n + (p.searched?.unreadable ?? 0), 0);
  const back = pages.findLast((p) => p.searched?.back)?.searched?.back;
  const total = all.data && Object.values(all.data.states).reduce((a, b) => a + b, 0);
  return (
    <Paper style={{ overflow: "hidden" }}>
      <div role="list" aria-label={t.deliveries.title} className="found">
        {pages
          .flatMap((p) => p.items)
          .map((d) => (
            <div role="listitem" key={d.id} className="found-row">
              {row(d)}
            </div>
          ))}
      </div>
      <Group p="md" justify="space-between" aria-live="polite">
        {found.isFetching ? (
          <Group gap="xs">
            <Loader size="xs" /> <Text size="sm">{t.deliveries.searching}</Text>
          </Group>
        ) : (
          <Text size="sm" c="dimmed">
            {t.deliveries.searched(number(looked, t.locale), total === undefined ? "…" : number(total, t.locale))}
            {back && found.hasNextPage && (
              <>
                {" "}
                {t.deliveries.searchedBack} <Time at={back} />
              </>
            )}
            . {!found.hasNextPage && t.deliveries.searchedAll}{" "}
            {hidden > 0 && t.deliveries.unreadable(number(hidden, t.locale))}
          </Text>
        )}
        {found.hasNextPage && (
          <Button
            variant="default"
            size="xs"
            loading={found.isFetchingNextPage}
            onClick={() => void found.fetchNextPage()}
          >
            {t.deliveries.goOn}
          </Button>
        )}
      </Group>
      <Trouble error={found.error} retry={() => void found.refetch()} />
    </Paper>
  );
}
