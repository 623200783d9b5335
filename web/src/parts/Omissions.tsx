// What errors left out: events that never came to be, and events that an endpoint did not get.
import { Alert, Anchor, List, Stack, Text } from "@mantine/core";
import { IconAlertTriangle } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { Omission } from "../api/client";
import { endpointsQuery, type OmissionFilter, omissionsQuery } from "../api/queries";
import { number } from "../format";
import { useT } from "../i18n";
import { Time } from "./basics";
import { useEventTitles } from "./DeliveryRows";

const shownExamples = 5;

/** The same cause in several hours as one: the latest hour comes first in the list. */
function causesOf(hours: Omission[]): Omission[] {
  const causes = new Map<string, Omission>();
  for (const o of hours) {
    const key = JSON.stringify([o.contract, o.type, o.endpoint, o.reason]);
    const sum = causes.get(key);
    causes.set(
      key,
      sum
        ? {
            ...sum,
            count: sum.count + o.count,
            unkept: sum.unkept + o.unkept,
            first_at: o.first_at,
            examples: [...o.examples, ...sum.examples],
          }
        : o,
    );
  }
  return [...causes.values()];
}

export function Omissions({ tenant, filter }: { tenant: string; filter: OmissionFilter }) {
  const t = useT();
  const list = useQuery({ ...omissionsQuery(tenant, filter), refetchInterval: 10_000 });
  if (!list.data || list.data.items.length === 0) return null; // that it cannot be read is said of the page's own list
  return (
    <Alert
      color="yellow"
      variant="light"
      mb="md"
      icon={<IconAlertTriangle size={18} />}
      title={t.omissions.title}
      role="region"
      aria-label={t.omissions.title}
    >
      <Text size="sm">
        {t.omissions.text} {list.data.more && t.omissions.more}
      </Text>
      <Stack gap="sm" mt="sm">
        {causesOf(list.data.items).map((o) => (
          <Cause key={[o.contract, o.type, o.endpoint, o.reason].join(" ")} tenant={tenant} omission={o} />
        ))}
      </Stack>
    </Alert>
  );
}

function Cause({ tenant, omission: o }: { tenant: string; omission: Omission }) {
  const t = useT();
  const titles = useEventTitles();
  const endpoints = useQuery({ ...endpointsQuery(tenant), enabled: o.endpoint !== null });
  const name = endpoints.data?.find((e) => e.id === o.endpoint)?.name || o.endpoint;
  return (
    <div>
      <Text size="sm">
        {o.endpoint ? (
          <Anchor
            component={Link}
            {...{ to: `/t/${encodeURIComponent(tenant)}/endpoints/${o.endpoint}` }}
            fw={600}
            size="sm"
          >
            {name}
          </Anchor>
        ) : (
          <Text span fw={600} inherit>
            {o.type ? titles(o.contract, o.type) : o.contract}
          </Text>
        )}
        : {t.omissions.count(o.count, number(o.count, t.locale))}. {t.omissions.reasons[o.reason]}.{" "}
        {t.omissions.lastTime}: <Time at={o.last_at} />
      </Text>
      <Text size="sm">
        {o.endpoint
          ? `${o.unkept > 0 ? `${t.omissions.unkept(number(o.count - o.unkept, t.locale), number(o.unkept, t.locale))} ` : ""}${t.omissions.recover}`
          : t.omissions.notMade}
      </Text>
      {o.examples.length > 0 && (
        <details>
          <summary style={{ cursor: "pointer", fontSize: "0.8125rem" }}>{t.omissions.examples}</summary>
          <List size="sm" mt={4}>
            {o.examples
              .slice(-shownExamples)
              .reverse()
              .map((x, i) => (
                <List.Item key={`${x.at} ${i}`}>
                  <Time at={x.at} /> <Where tenant={tenant} contract={o.contract} example={x} />
                  {x.line ? ` · ${t.omissions.line(x.line)}` : ""}
                  {x.detail && (
                    <Text size="xs" c="dimmed">
                      {t.delivery.technical}: <span lang="en">{x.detail}</span>
                    </Text>
                  )}
                </List.Item>
              ))}
          </List>
        </details>
      )}
    </div>
  );
}

/** The record that changed, or the event that was not got. */
function Where({
  tenant,
  contract,
  example: x,
}: {
  tenant: string;
  contract: string;
  example: Omission["examples"][number];
}) {
  const at = `/t/${encodeURIComponent(tenant)}`;
  if (x.event)
    return (
      <Anchor component={Link} {...{ to: `${at}/events/${x.event}` }} size="sm" className="mono">
        {x.event}
      </Anchor>
    );
  if (!x.kind || !x.key) return null;
  return (
    <Anchor
      component={Link}
      {...{ to: `${at}/records/${[contract, x.kind, x.key].map(encodeURIComponent).join("/")}` }}
      size="sm"
      className="mono"
    >
      {x.kind} {x.key}
    </Anchor>
  );
}
