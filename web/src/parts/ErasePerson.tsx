// Erases a person's data wherever a search finds it, and says what became of it.
import { Alert, Anchor, List, Stack, Text } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useEffect, useRef, useState } from "react";
import { api, ok, type Schemas } from "../api/client";
import { number } from "../format";
import { useT } from "../i18n";
import { Confirm } from "./Confirm";

/** What all pages erased together. */
export type Erasure = Schemas["SubjectErasure"];

const none: Erasure = {
  records: 0,
  events: 0,
  deliveries: 0,
  attempts: 0,
  changed: 0,
  waiting: [],
  rows: 0,
  next_cursor: null,
};

const plus = (a: Erasure, b: Erasure): Erasure => ({
  records: a.records + b.records,
  events: a.events + b.events,
  deliveries: a.deliveries + b.deliveries,
  attempts: a.attempts + b.attempts,
  changed: a.changed + b.changed,
  waiting: [...new Set([...a.waiting, ...b.waiting])],
  rows: a.rows + b.rows,
  next_cursor: b.next_cursor,
});

/** Asks first. onEnd gets what was erased, also if it was stopped or failed before the end. */
export function ErasePerson({
  tenant,
  path,
  value,
  onEnd,
}: {
  tenant: string;
  path: string;
  value: string;
  onEnd: (erased?: Erasure) => void;
}) {
  const t = useT();
  const [sum, setSum] = useState(none);
  const stop = useRef(false);
  useEffect(() => {
    stop.current = false;
    return () => {
      stop.current = true;
    };
  }, []);
  const erase = useMutation({
    mutationFn: async () => {
      let all = sum; // after a page that failed, it goes on with that page
      do {
        const page = await ok(
          api.POST("/v1/tenants/{tenant}/erase-subject", {
            params: { path: { tenant } },
            body: { path, value, ...(all.next_cursor ? { cursor: all.next_cursor } : {}) },
          }),
        );
        all = plus(all, page);
        setSum(all);
      } while (all.next_cursor && !stop.current);
      return all;
    },
    onSuccess: onEnd,
  });
  return (
    <Confirm
      title={t.erasePerson.title}
      text={t.erasePerson.text}
      verb={t.erasePerson.verb}
      danger
      busy={erase.isPending}
      error={erase.error}
      onCancel={() => {
        if (erase.isPending) stop.current = true;
        else onEnd(sum.rows > 0 ? sum : undefined);
      }}
      onConfirm={() => erase.mutate()}
    >
      <Text size="sm" className="mono" mb="sm" style={{ overflowWrap: "anywhere" }}>
        {path} = {value}
      </Text>
      <List size="sm" spacing={4} withPadding={false}>
        {t.erasePerson.happens.map((line) => (
          <List.Item key={line}>{line}</List.Item>
        ))}
      </List>
      {erase.isPending && (
        <Text size="sm" c="dimmed" className="number" role="status" mt="sm">
          {t.people.looked(number(sum.rows, t.locale))}
        </Text>
      )}
    </Confirm>
  );
}

const namedAtMost = 20; // of the events that wait

export function Erased({ tenant, erased: e }: { tenant: string; erased: Erasure }) {
  const t = useT();
  const done = e.records + e.events > 0;
  return (
    <Stack gap="sm">
      <Alert color={done ? "teal" : "gray"} variant="light" role="status" title={t.erasePerson.done(done)}>
        <Text size="sm">
          {(["records", "events", "deliveries", "attempts"] as const)
            .map((what) => `${t.erasePerson.counts[what]}: ${number(e[what], t.locale)}`)
            .join(" · ")}
        </Text>
        {e.next_cursor && <Text size="sm">{t.erasePerson.stopped}</Text>}
      </Alert>
      {e.waiting.length > 0 && (
        <Alert color="yellow" variant="light" title={t.erasePerson.waiting(number(e.waiting.length, t.locale))}>
          <Text size="sm">{t.erasePerson.waitingText}</Text>
          {e.waiting.slice(0, namedAtMost).map((event) => (
            <Anchor
              key={event}
              component={Link}
              {...({ to: "/t/$tenant/events/$event", params: { tenant, event } } as object)}
              className="mono"
              display="block"
              size="sm"
            >
              {event}
            </Anchor>
          ))}
          {e.waiting.length > namedAtMost && <Text size="sm">…</Text>}
        </Alert>
      )}
      {e.changed > 0 && (
        <Alert color="yellow" variant="light">
          {t.erasePerson.changed(number(e.changed, t.locale))}
        </Alert>
      )}
    </Stack>
  );
}
