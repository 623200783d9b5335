// When a delivery is attempted: each wait, and what it adds up to.
import { ActionIcon, Button, Group, Stack, Text, TextInput } from "@mantine/core";
import { IconPlus, IconTrash } from "@tabler/icons-react";
import { parseSpan, span } from "../format";
import { useT } from "../i18n";

export function RetryEditor({
  value,
  onChange,
  errorAt,
}: {
  value: string[];
  onChange: (v: string[]) => void;
  errorAt: (pointer: string) => string | undefined;
}) {
  const t = useT();
  let sum = 0;
  const rows = value.map((text) => {
    const wait = parseSpan(text);
    sum += wait ?? 0;
    return { text, wait, sum };
  });
  return (
    <Stack gap={6}>
      <div>
        <Text size="sm" fw={500}>
          {t.form.retry}
        </Text>
        <Text size="xs" c="dimmed">
          {t.form.retryHelp} {t.form.durationHelp}
        </Text>
      </div>
      {rows.map((r, i) => (
        <Group key={i} gap="sm" wrap="nowrap" align="center">
          <Text size="sm" w={84} className="nowrap" style={{ flex: "none" }}>
            {t.form.attempt(i + 1)}
          </Text>
          <TextInput
            w={92}
            style={{ flex: "none" }}
            aria-label={t.form.attempt(i + 1)}
            value={r.text}
            error={Boolean(errorAt(`/retry/${i}`)) || r.wait === undefined}
            classNames={{ input: "mono" }}
            onChange={(e) => onChange(value.map((v, j) => (j === i ? e.currentTarget.value : v)))}
          />
          <Text size="sm" c={r.wait === undefined ? "red" : "dimmed"} style={{ flex: 1, minWidth: 0 }}>
            {r.wait === undefined
              ? (errorAt(`/retry/${i}`) ?? t.form.durationHelp)
              : r.sum === 0
                ? t.form.atOnce
                : t.form.at(span(r.sum, t.locale))}
          </Text>
          <ActionIcon
            variant="subtle"
            color="gray"
            aria-label={t.form.removeAttempt(i + 1)}
            disabled={value.length === 1}
            onClick={() => onChange(value.filter((_, j) => j !== i))}
          >
            <IconTrash size={16} />
          </ActionIcon>
        </Group>
      ))}
      <Group justify="space-between">
        <Button
          variant="default"
          size="xs"
          leftSection={<IconPlus size={14} />}
          disabled={value.length >= 100}
          onClick={() => onChange([...value, value.at(-1) === "0s" ? "5s" : (value.at(-1) ?? "5m")])}
        >
          {t.form.addAttempt}
        </Button>
        {value.length > 1 && sum > 0 && (
          <Text size="xs" c="dimmed">
            {t.form.lastAt(span(sum, t.locale))}
          </Text>
        )}
      </Group>
    </Stack>
  );
}
