// Which event something is tried with: an example of the contract, or a stored
// event: one of the latest, or any by its id.
import { Select } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useState } from "react";
import type { Schemas } from "../api/client";
import { eventsQuery } from "../api/queries";
import { exactTime } from "../format";
import { useT } from "../i18n";
import { underHeadings } from "./EventTypes";

const example = "example "; // before a type, where an id of an event would be

/** What is known of an event type where one is chosen. */
export type EventName = Pick<Schemas["EventDetail"], "name" | "title" | "group">;

/** The first example there is. */
export const firstExample = (events: EventName[]) => example + (events.find((e) => e.name !== "*")?.name ?? "");

export const isExample = (input: string) => input.startsWith(example);

/** What the server is asked to render. */
export function eventOf(input: string): { event?: string; event_type?: string } {
  if (!isExample(input)) return { event: input };
  const type = input.slice(example.length);
  return type ? { event_type: type } : {};
}

export function EventPicker({
  tenant,
  contract,
  events: types,
  value,
  onChange,
}: {
  tenant: string | undefined;
  contract: string;
  events: EventName[];
  value: string | null;
  onChange: (input: string) => void;
}) {
  const t = useT();
  const [search, setSearch] = useState("");
  const list = useInfiniteQuery({ ...eventsQuery(tenant ?? "", { contract }), enabled: tenant !== undefined });
  const title = (type: string) => types.find((x) => x.name === type)?.title || type;
  const stored = (list.data?.pages.flatMap((p) => p.items) ?? []).map((x) => ({
    value: x.id,
    label: `${title(x.type)}, ${exactTime(x.created_at, t.locale)}`,
  }));
  const named = types.filter((x) => x.name !== "*");
  const examples =
    named.length > 0
      ? underHeadings(
          named,
          (x) => x.group,
          (x) => ({ value: example + x.name, label: `${t.script.example}: ${x.title || x.name}` }),
        )
      : [{ value: example, label: t.script.example }];
  // Whatever has the form of an id may be one, unless it is what an option is called.
  const options = examples.flatMap((x) => ("items" in x ? x.items : [x]));
  const known = new Set([...stored, ...options].flatMap((x) => [x.value, x.label]));
  const ids = [...new Set([search.trim(), value ?? ""])].filter(
    (id) => tenant && /^[\w.:-]{3,128}$/.test(id) && !known.has(id),
  );
  return (
    <Select
      size="xs"
      aria-label={t.deliveries.event}
      placeholder={t.script.pasteId}
      title={t.script.pasteId}
      value={value}
      w={{ base: "100%", xs: 260 }}
      searchable
      allowDeselect={false}
      searchValue={search}
      onSearchChange={setSearch}
      onChange={(v) => v && onChange(v)}
      nothingFoundMessage={t.common.none}
      maxDropdownHeight={320}
      data={[...examples, ...stored, ...ids.map((id) => ({ value: id, label: `Id: ${id}` }))]}
    />
  );
}
