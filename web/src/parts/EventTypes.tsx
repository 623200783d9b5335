// Which events an endpoint gets: one or several, as many as its contract lets it have, under the contract's headings.
import {
  type ComboboxItem,
  type ComboboxItemGroup,
  type ComboboxParsedItem,
  MultiSelect,
  type OptionsFilter,
  Select,
  TagsInput,
  Text,
} from "@mantine/core";
import type { ReactNode } from "react";
import type { Schemas } from "../api/client";
import { useT } from "../i18n";

type EventType = Schemas["EventType"];

/** Options under their headings, in the order of the contract; without headings if all would have the same. */
export function underHeadings<T>(list: T[], heading: (x: T) => string | undefined, option: (x: T) => ComboboxItem) {
  const groups = [...new Set(list.map((x) => heading(x) ?? ""))];
  if (groups.length < 2) return list.map(option);
  return groups.flatMap((group): (ComboboxItem | ComboboxItemGroup<ComboboxItem>)[] => {
    const items = list.filter((x) => (heading(x) ?? "") === group).map(option);
    return group ? [{ group, items }] : items;
  });
}

/** A text without accents, to find "reasignación" by "reasignacion". */
const plain = (text: string) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();

/** Finds events by their title, their name, what they mean, what else people call them, or their heading. */
const find =
  (types: EventType[]): OptionsFilter =>
  ({ options, search }) => {
    const word = plain(search.trim());
    const said = (name: string) => {
      const type = types.find((x) => x.name === name);
      return `${type?.aliases.join(" ") ?? ""} ${type?.about ?? ""}`;
    };
    const fits = (o: ComboboxItem, group: unknown) =>
      plain(`${o.label} ${o.value} ${said(o.value)} ${group}`).includes(word);
    return options.flatMap((o): ComboboxParsedItem[] => {
      if (!("items" in o)) return fits(o, "") ? [o] : [];
      const items = o.items.filter((x) => fits(x, o.group));
      return items.length > 0 ? [{ ...o, items }] : [];
    });
  };

/** An event with what it means, and what else people call it. */
export function Meaning({ type, children }: { type?: EventType; children: ReactNode }) {
  const t = useT();
  const also = type?.aliases.filter((x) => x !== type.title).join(", ");
  return (
    <div>
      <Text size="sm">{children}</Text>
      {type?.about && (
        <Text size="xs" c="dimmed">
          {type.about}
        </Text>
      )}
      {also && (
        <Text size="xs" c="dimmed">
          {t.contracts.alsoCalled(also)}
        </Text>
      )}
    </div>
  );
}

export function EventTypes({
  types: all,
  least,
  most,
  value,
  onChange,
  error,
}: {
  types: EventType[];
  /** How many there have to be. */
  least: number;
  /** How many there can be; 0: any number, and patterns. */
  most: number;
  value: string[];
  onChange: (names: string[]) => void;
  error?: string;
}) {
  const t = useT();
  const types = all.filter((x) => x.name !== "*");
  const option = (x: EventType) => ({ value: x.name, label: x.title || x.name });
  const unlisted = value.filter((v) => !types.some((x) => x.name === v)); // patterns, which programs may have set
  const data = [...unlisted.map((v) => ({ value: v, label: v })), ...underHeadings(types, (x) => x.group, option)];
  const list = {
    data,
    filter: find(types),
    searchable: true,
    maxDropdownHeight: 320,
    renderOption: ({ option: o }: { option: ComboboxItem }) => (
      <Meaning type={types.find((x) => x.name === o.value)}>{o.label}</Meaning>
    ),
    nothingFoundMessage: t.common.none,
    error,
  };
  if (types.length < all.length)
    return (
      <TagsInput
        label={t.form.eventTypes}
        description={`${t.form.eventTypesHelp} ${t.form.eventTypesFree}`}
        placeholder={value.length === 0 ? "order.*" : undefined}
        acceptValueOnBlur
        data={data}
        value={value}
        onChange={onChange}
        error={error}
      />
    );
  if (types.length < 2) return null; // nothing to choose
  if (most === 1)
    return (
      <Select
        {...list}
        label={t.form.eventType}
        description={t.form.eventTypeHelp}
        placeholder={t.form.choose}
        required
        allowDeselect={false}
        value={value[0] ?? null}
        onChange={(v) => onChange(v === null ? [] : [v])}
      />
    );
  const needed = least > 0 || most > 0;
  return (
    <MultiSelect
      {...list}
      label={t.form.eventTypes}
      description={needed ? t.form.eventTypesSome(Math.max(least, 1), most) : t.form.eventTypesAll(types.length)}
      required={needed}
      maxValues={most || undefined}
      clearable
      clearButtonProps={{ "aria-label": t.common.remove }}
      hidePickedOptions
      value={value}
      onChange={onChange}
    />
  );
}
