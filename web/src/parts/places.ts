// What a person calls the place that a mistake is at.
import type { Schemas } from "../api/client";
import type { Messages } from "../i18n/en";
import type { Schema } from "./SettingsForm";

/** The members on the way that a JSON Pointer (RFC 6901) describes. */
export const stepsOf = (pointer: string) =>
  pointer
    .slice(1)
    .split("/")
    .map((s) => s.replaceAll("~1", "/").replaceAll("~0", "~"));

/**
 * The place of a mistake in the words of the form: "Keys and values, row 1, Key" for /settings/pairs/0/key. The names of
 * settings are in their schema.
 */
export function placeName(place: Schemas["ProblemError"], t: Messages, settings?: Schema): string {
  const names: Record<string, string> = t.problem.places;
  if (!place.pointer) return place.parameter ? (names[place.parameter] ?? place.parameter) : "";
  const steps = stepsOf(place.pointer);
  const words: string[] = [];
  let schema = steps[0] === "settings" && steps.length > 1 ? settings : undefined;
  let free = false; // below, names are the person's own
  for (const [i, step] of steps.entries()) {
    if (i === 0 && schema) continue; // the form has no heading "settings"
    if (/^\d+$/.test(step)) {
      words.push(t.problem.row(Number(step) + 1));
      schema = schema?.items;
      continue;
    }
    schema = schema?.properties?.[step];
    words.push(schema?.title ?? (free ? step : (names[step] ?? step)));
    free ||= ["headers", "metadata", "settings", "payload", "document"].includes(step);
  }
  return words.join(", ");
}
