// What a person fills in for an endpoint, drawn from the JSON Schema that the
// contract gives: its words, its order, its secrets.
import {
  ActionIcon,
  Button,
  Group,
  Input,
  List,
  NumberInput,
  PasswordInput,
  Select,
  Stack,
  Switch,
  Table,
  Textarea,
  TextInput,
} from "@mantine/core";
import { IconPlus, IconTrash } from "@tabler/icons-react";
import { useT } from "../i18n";

export interface Schema {
  type?: string | string[];
  title?: string;
  description?: string;
  enum?: unknown[];
  writeOnly?: boolean;
  required?: string[];
  properties?: Record<string, Schema>;
  items?: Schema;
  maxItems?: number;
}

export type Settings = Record<string, unknown>;

/** What the server shows in the place of a secret that it keeps. */
export const mask = "********";

interface FieldProps {
  schema: Schema;
  name: string;
  value: unknown;
  required?: boolean;
  pointer: string;
  errorAt: (pointer: string) => string | undefined;
  onChange: (v: unknown) => void;
}

export function SettingsForm({
  schema,
  value,
  onChange,
  errorAt,
}: {
  schema: Schema;
  value: Settings;
  onChange: (v: Settings) => void;
  errorAt: (pointer: string) => string | undefined;
}) {
  return (
    <>
      {Object.entries(schema.properties ?? {}).map(([name, s]) => (
        <Field
          key={name}
          name={name}
          schema={s}
          value={value[name]}
          required={schema.required?.includes(name)}
          pointer={`/settings/${name}`}
          errorAt={errorAt}
          onChange={(v) => {
            const { [name]: _, ...rest } = value;
            onChange(v === undefined || v === "" ? rest : { ...rest, [name]: v });
          }}
        />
      ))}
    </>
  );
}

function Field({ schema, name, value, required, pointer, errorAt, onChange }: FieldProps) {
  const t = useT();
  const common = {
    label: schema.title ?? name,
    description: schema.description,
    error: errorAt(pointer),
    required,
    withAsterisk: required,
  };
  if (schema.enum) {
    return (
      <Select
        {...common}
        data={schema.enum.filter((v) => v !== null).map(String)}
        value={value === undefined ? null : String(value)}
        placeholder={t.form.choose}
        clearable={!required}
        clearButtonProps={{ "aria-label": t.common.remove }}
        onChange={(v) => onChange(schema.enum?.find((x) => String(x) === v))}
      />
    );
  }
  const type = Array.isArray(schema.type) ? schema.type[0] : schema.type;
  switch (type) {
    case "boolean":
      return (
        <Switch
          label={common.label}
          description={common.description}
          checked={value === true}
          onChange={(e) => onChange(e.currentTarget.checked)}
          error={common.error}
        />
      );
    case "integer":
    case "number":
      return (
        <NumberInput
          {...common}
          value={value as number | undefined}
          allowDecimal={type === "number"}
          onChange={(v) => onChange(v === "" ? undefined : v)}
        />
      );
    case "array":
      if (schema.items?.properties)
        return (
          <Rows schema={schema} name={name} value={value} pointer={pointer} errorAt={errorAt} onChange={onChange} />
        );
      break;
    case "string":
    case undefined:
      if (schema.writeOnly) {
        const kept = value === mask;
        return (
          <PasswordInput
            {...common}
            aria-invalid={common.error ? true : undefined}
            value={(value as string | undefined) ?? ""}
            autoComplete="off"
            data-1p-ignore
            onChange={(e) => onChange(e.currentTarget.value)}
            visibilityToggleButtonProps={{ "aria-label": t.common.show }}
            onFocus={(e) => kept && e.currentTarget.select()}
            inputWrapperOrder={["label", "description", "input", "error"]}
            description={kept ? `${schema.description ?? ""} ${t.form.secretKept}`.trim() : schema.description}
          />
        );
      }
      return (
        <TextInput
          {...common}
          value={(value as string | undefined) ?? ""}
          onChange={(e) => onChange(e.currentTarget.value)}
        />
      );
  }
  // A form that we do not draw: its JSON, kept as text until it is one.
  return (
    <Textarea
      {...common}
      autosize
      minRows={2}
      classNames={{ input: "mono" }}
      defaultValue={value === undefined ? "" : JSON.stringify(value, null, 2)}
      onChange={(e) => {
        try {
          onChange(e.currentTarget.value.trim() ? JSON.parse(e.currentTarget.value) : undefined);
        } catch {
          onChange(e.currentTarget.value);
        }
      }}
    />
  );
}

/** A list of small objects, such as keys and values: one row each. */
function Rows({ schema, name, value, pointer, errorAt, onChange }: FieldProps) {
  const t = useT();
  const rows = Array.isArray(value) ? (value as Settings[]) : [];
  const properties = Object.entries(schema.items?.properties ?? {});
  const put = (next: Settings[]) => onChange(next.length > 0 ? next : undefined);
  return (
    <Input.Wrapper
      label={schema.title ?? name}
      description={schema.description}
      error={errorAt(pointer)}
      labelElement="div"
    >
      <Stack gap="xs" mt={6}>
        {rows.map((row, i) => (
          <Group key={i} gap="xs" align="flex-start">
            {properties.map(([p, s]) => {
              const { [p]: now, ...rest } = row;
              const set = (v: string | null) =>
                put(rows.map((r, j) => (j === i ? (v === null || v === "" ? rest : { ...rest, [p]: v }) : r)));
              const text = (now as string | undefined) ?? "";
              const field = {
                label: s.title ?? p,
                "aria-label": `${s.title ?? p} ${i + 1}`,
                size: "xs" as const,
                error: errorAt(`${pointer}/${i}/${p}`),
                withAsterisk: schema.items?.required?.includes(p),
                style: { flex: "1 1 9rem" },
              };
              if (s.enum)
                return (
                  <Select
                    key={p}
                    {...field}
                    data={s.enum.map(String)}
                    value={text || null}
                    placeholder={t.form.choose}
                    onChange={set}
                    clearable
                    clearButtonProps={{ "aria-label": t.common.remove }}
                  />
                );
              if (s.writeOnly)
                return (
                  <PasswordInput
                    key={p}
                    {...field}
                    aria-invalid={field.error ? true : undefined}
                    value={text}
                    autoComplete="off"
                    data-1p-ignore
                    visibilityToggleButtonProps={{ "aria-label": t.common.show }}
                    onFocus={(e) => text === mask && e.currentTarget.select()}
                    onChange={(e) => set(e.currentTarget.value)}
                  />
                );
              return <TextInput key={p} {...field} value={text} onChange={(e) => set(e.currentTarget.value)} />;
            })}
            <ActionIcon
              variant="subtle"
              color="gray"
              mt={22}
              aria-label={t.form.removePair(i + 1)}
              onClick={() => put(rows.filter((_, j) => j !== i))}
            >
              <IconTrash size={16} />
            </ActionIcon>
          </Group>
        ))}
        <div>
          <Button
            variant="default"
            size="xs"
            leftSection={<IconPlus size={14} />}
            disabled={rows.length >= (schema.maxItems ?? 100)}
            onClick={() => put([...rows, {}])}
          >
            {t.form.addPair}
          </Button>
        </div>
      </Stack>
    </Input.Wrapper>
  );
}

/** A setting as it is stored, with masks in the place of secrets: a list as a list, a list of small objects as a table. */
export function SettingValue({ schema, value }: { schema?: Schema; value: unknown }) {
  const t = useT();
  if (typeof value === "boolean") return <>{value ? t.common.yes : t.common.no}</>;
  if (typeof value !== "object" || value === null) return <span className="mono">{String(value)}</span>;
  if (!Array.isArray(value)) return <SettingTable columns={schema?.properties ?? {}} rows={[value as Settings]} />;
  if (value.length > 0 && value.every((x) => typeof x === "object" && x !== null && !Array.isArray(x)))
    return <SettingTable columns={schema?.items?.properties ?? {}} rows={value as Settings[]} />;
  return (
    <List size="sm">
      {value.map((x, i) => (
        <List.Item key={i}>
          <SettingValue schema={schema?.items} value={x} />
        </List.Item>
      ))}
    </List>
  );
}

function SettingTable({ columns, rows }: { columns: Record<string, Schema>; rows: Settings[] }) {
  const has = (name: string) => rows.some((r) => name in r);
  const names = [...Object.keys(columns), ...rows.flatMap(Object.keys)].filter(
    (n, i, all) => all.indexOf(n) === i && has(n),
  );
  return (
    <Table w="auto" withRowBorders={false} verticalSpacing={2} horizontalSpacing={10} ml={-10}>
      <Table.Thead>
        <Table.Tr>
          {names.map((n) => (
            <Table.Th key={n} fw={500}>
              {columns[n]?.title ?? n}
            </Table.Th>
          ))}
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody>
        {rows.map((r, i) => (
          <Table.Tr key={i}>
            {names.map((n) => (
              <Table.Td key={n} style={{ overflowWrap: "anywhere" }}>
                {n in r && <SettingValue schema={columns[n]} value={r[n]} />}
              </Table.Td>
            ))}
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  );
}
