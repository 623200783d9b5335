// Where a person's data stands: in records, in events, in what was sent.
import { Anchor, Autocomplete, Button, Group, Paper, Stack, Text, TextInput } from "@mantine/core";
import { IconEraser, IconSearch, IconUserSearch } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import { type FormEvent, useEffect, useRef, useState } from "react";
import { api, type Found, ok } from "../api/client";
import {
  contractsQuery,
  forgetExact,
  type PeopleSearch,
  queryClient,
  recordContractsQuery,
  searchQuery,
} from "../api/queries";
import { number } from "../format";
import { type Language, useT } from "../i18n";
import { Empty, PageHead, Time, Tone, Trouble } from "../parts/basics";
import { useEventTitles } from "../parts/DeliveryRows";
import { Erased, ErasePerson, type Erasure } from "../parts/ErasePerson";
import { errorsByPath } from "../parts/form";
import { Columns } from "../parts/Listing";
import { useVisitor } from "../session";

const part = 100; // places that are shown before one is asked whether to go on

export function PeoplePage() {
  const { tenant } = useParams({ from: "/t/$tenant/people" });
  return <People key={tenant} tenant={tenant} />;
}

/** Asks page after page, since a page looks at a part of the data and may find nothing there. */
function useSearch(tenant: string) {
  const { queryKey } = searchQuery(tenant);
  const search = useQuery(searchQuery(tenant)).data;
  const [running, setRunning] = useState(false);
  const [error, setError] = useState<unknown>();
  const stop = useRef<AbortController>(undefined);
  useEffect(() => () => stop.current?.abort(), []);
  const run = async (path: string, value: string, from?: PeopleSearch) => {
    stop.current?.abort();
    const control = new AbortController();
    stop.current = control;
    const until = (from?.items.length ?? 0) + part;
    let sum: PeopleSearch = from ?? { path, value, items: [], rows: 0, next: null };
    setRunning(true);
    setError(undefined);
    try {
      do {
        const page = await ok(
          api.POST("/v1/tenants/{tenant}/search", {
            params: { path: { tenant } },
            body: { path, value, ...(sum.next ? { cursor: sum.next } : {}) },
            signal: control.signal,
          }),
        );
        sum = {
          ...sum,
          items: [...sum.items, ...page.items],
          rows: sum.rows + page.rows,
          next: page.next_cursor,
        };
        queryClient.setQueryData(queryKey, sum);
      } while (sum.next && sum.items.length < until && !control.signal.aborted);
    } catch (e) {
      if (!control.signal.aborted) setError(e);
    } finally {
      if (stop.current === control) setRunning(false);
    }
  };
  return { search, running, error, run, stop: () => stop.current?.abort() };
}

function People({ tenant }: { tenant: string }) {
  const t = useT();
  const { search, running, error, run, stop } = useSearch(tenant);
  const contracts = useQuery(contractsQuery(t.code as Language));
  const [path, setPath] = useState(search?.path ?? "");
  const [value, setValue] = useState(search?.value ?? "");
  const [shown, setShown] = useState(part); // of what was found; one page of a search can find thousands
  const operator = useVisitor().role === "operator";
  const [erasing, setErasing] = useState(false);
  const [erased, setErased] = useState<Erasure>();
  const known = [...new Set(contracts.data?.flatMap((c) => c.sensitive) ?? [])].sort();
  const wrong = errorsByPath(error, t);
  const submit = (e: FormEvent) => {
    e.preventDefault();
    if (!path.trim() || !value.trim()) return;
    setShown(part);
    setErased(undefined);
    void run(path.trim(), value.trim());
  };
  return (
    <>
      <PageHead title={t.people.title} text={t.people.text} />
      <Paper p="lg" mb="lg">
        <form onSubmit={submit} role="search">
          <Group gap="sm" align="flex-start" className="filters">
            <Autocomplete
              label={t.people.path}
              description={t.people.pathHelp}
              placeholder="contact.email"
              data={known}
              value={path}
              onChange={setPath}
              error={wrong.path}
              maxLength={256}
              spellCheck={false}
              inputWrapperOrder={["label", "input", "description", "error"]}
              style={{ flex: "1 1 16rem" }}
              className="long"
              required
            />
            <TextInput
              label={t.people.value}
              description={t.people.valueHelp}
              placeholder="ana@example.com"
              value={value}
              onChange={(e) => setValue(e.currentTarget.value)}
              error={wrong.value}
              maxLength={1024}
              spellCheck={false}
              autoComplete="off"
              inputWrapperOrder={["label", "input", "description", "error"]}
              style={{ flex: "1 1 16rem" }}
              className="long"
              required
            />
            <Button
              type="submit"
              leftSection={<IconSearch size={16} />}
              loading={running}
              disabled={!path.trim() || !value.trim()}
              mt={{ base: 0, sm: 25 }}
            >
              {t.people.search}
            </Button>
          </Group>
        </form>
        <Text size="xs" c="dimmed" mt="md">
          {t.people.note}
        </Text>
      </Paper>
      {!wrong.path && !wrong.value && <Trouble error={error} />}
      {search && (
        <Stack gap="md">
          {erased && <Erased tenant={tenant} erased={erased} />}
          <Group gap="sm" role="status">
            <Text size="sm" fw={550}>
              {t.people.found(number(search.items.length, t.locale), search.items.length)}
            </Text>
            <Text size="sm" c="dimmed" className="number">
              {t.people.looked(number(search.rows, t.locale))} {!search.next && t.people.end}
            </Text>
            {running && (
              <Button size="xs" variant="default" onClick={stop}>
                {t.people.stop}
              </Button>
            )}
            {operator && !running && search.items.length > 0 && (
              <Button
                size="xs"
                variant="default"
                leftSection={<IconEraser size={14} />}
                onClick={() => setErasing(true)}
              >
                {t.erasePerson.verb}
              </Button>
            )}
          </Group>
          {search.items.length > 0 ? (
            <Paper>
              <Places tenant={tenant} items={search.items.slice(0, shown)} />
            </Paper>
          ) : (
            !search.next && (
              <Paper>
                <Empty
                  icon={<IconUserSearch size={40} stroke={1.5} />}
                  title={t.people.none}
                  text={t.people.noneText}
                />
              </Paper>
            )
          )}
          {(search.next || search.items.length > shown) && !running && (
            <div>
              <Button
                variant="default"
                onClick={() => {
                  setShown(shown + part);
                  if (search.next && search.items.length < shown + part) void run(search.path, search.value, search);
                }}
              >
                {search.items.length > shown ? t.common.more : t.people.goOn}
              </Button>
            </div>
          )}
        </Stack>
      )}
      {erasing && search && (
        <ErasePerson
          tenant={tenant}
          path={search.path}
          value={search.value}
          onEnd={(done) => {
            setErasing(false);
            if (!done) return;
            setErased(done);
            setShown(part);
            forgetExact(tenant);
            void run(search.path, search.value); // it shows that nothing is left, or what is
          }}
        />
      )}
    </>
  );
}

const colours: Record<Found["kind"], string> = { record: "blue", event: "teal", delivery: "grape" };

function Places({ tenant, items }: { tenant: string; items: Found[] }) {
  const t = useT();
  const contracts = useQuery(contractsQuery(t.code as Language));
  const records = useQuery(recordContractsQuery(t.code as Language));
  const titles = useEventTitles();
  const titleOf = (f: Found) => {
    if (f.kind !== "record") return titles(f.contract, f.type ?? "");
    const kinds = records.data?.find((c) => c.name === f.contract)?.records;
    return `${kinds?.find((k) => k.kind === f.record)?.title || f.record} ${f.key}`;
  };
  return (
    <Columns
      items={items}
      id={(f) => `${f.contract}/${f.record}/${f.key} ${f.event} ${f.delivery}`}
      width={640}
      columns={[
        {
          label: t.people.place,
          clip: 320,
          cell: (f) => (
            <Anchor
              component={Link}
              {...(linkTo(tenant, f) as object)}
              className="clip"
              display="block"
              fw={550}
              size="sm"
            >
              {titleOf(f)}
            </Anchor>
          ),
        },
        { label: t.common.type, cell: (f) => <Tone color={colours[f.kind]}>{t.people.kinds[f.kind]}</Tone> },
        {
          label: t.events.contract,
          cell: (f) => contracts.data?.find((c) => c.name === f.contract)?.title ?? f.contract,
        },
        { label: t.people.at, className: "mono", clip: 240, cell: (f) => f.paths.join(", ") },
        { label: t.common.created, cell: (f) => <Time at={f.created_at} /> },
      ]}
    />
  );
}

function linkTo(tenant: string, f: Found) {
  if (f.kind === "record")
    return {
      to: "/t/$tenant/records/$contract/$kind/$key",
      params: { tenant, contract: f.contract, kind: f.record, key: f.key },
    };
  if (f.kind === "delivery") return { to: "/t/$tenant/deliveries/$delivery", params: { tenant, delivery: f.delivery } };
  return { to: "/t/$tenant/events/$event", params: { tenant, event: f.event } };
}
