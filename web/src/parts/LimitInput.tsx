// A field for one limit of a tenant or of a key; empty: not set.
import { NumberInput, type NumberInputProps } from "@mantine/core";
import { useT } from "../i18n";

/** What a key can be limited to, beside its tenant. */
export const keyLimits = ["events_per_second", "events_per_month", "bytes_per_month"] as const;
export const tenantLimits = [...keyLimits, "endpoints", "script_ms_per_minute"] as const;

export type LimitName = (typeof tenantLimits)[number];

/** The limits as the fields of a form have them: an empty field is "". */
export type LimitFields = Record<string, number | string | undefined>;

/** The limits that are filled in. */
export const filledIn = (limits: LimitFields): Partial<Record<LimitName, number>> =>
  Object.fromEntries(Object.entries(limits).filter(([, v]) => typeof v === "number"));

export function LimitInput({ name, description, ...props }: { name: LimitName } & Omit<NumberInputProps, "name">) {
  const t = useT();
  const english = t.locale.startsWith("en");
  return (
    <NumberInput
      label={t.tenants.limitNames[name]}
      description={name === "events_per_second" ? t.tenants.rateHelp : description}
      min={0}
      allowDecimal={false}
      thousandSeparator={english ? "," : "."}
      decimalSeparator={english ? "." : ","}
      {...props}
    />
  );
}
