// A form whose mistakes the server finds: each stands at the field that it is about.
import { type FormErrors, type UseFormReturnType, useForm } from "@mantine/form";
import { type UseMutationResult, useMutation } from "@tanstack/react-query";
import { type FormEvent, useRef } from "react";
import { Problem } from "../api/client";
import { useT } from "../i18n";
import type { Messages } from "../i18n/en";
import { detailOf } from "./basics";
import { stepsOf } from "./places";

// crypto.randomUUID is missing where the console is reached by plain http.
const randomKey = () => Array.from(crypto.getRandomValues(new Uint32Array(4)), (n) => n.toString(36)).join("-");

/** The path of a form's field that a JSON Pointer names: /retry/0 is retry.0. */
export const pathOf = (pointer: string) => stepsOf(pointer).join(".");

/** What is wrong, by the path of the field that it is about. */
export function errorsByPath(error: unknown, t: Messages): Record<string, string> {
  const errors: Record<string, string> = {};
  if (!(error instanceof Problem)) return errors;
  for (const e of error.errors) {
    const place = e.pointer ? pathOf(e.pointer) : e.parameter;
    if (place) errors[place] ??= detailOf(e, t);
  }
  return errors;
}

/** What is wrong with a field that holds a list: the list itself, or the first of its entries that is wrong. */
export const listError = (form: { errors: FormErrors }, field: string) =>
  form.errors[field] ?? Object.entries(form.errors).find(([place]) => place.startsWith(`${field}.`))?.[1];

export interface SentForm<V, R> {
  form: UseFormReturnType<V>;
  sending: UseMutationResult<R, Error, V>;
  submit: (e: FormEvent<HTMLFormElement>) => void;
  /** What went wrong and stands at no field; to be shown above the buttons. */
  trouble: Error | null;
}

/**
 * A form with its values, and what sends them. Its fields have the names of the members that are sent, so the server's
 * mistakes find them.
 */
export function useSentForm<V extends Record<string, unknown>, R>({
  initialValues,
  needed = [],
  send,
  onSuccess,
}: {
  initialValues: V;
  /** Fields without which the request could not even be sent, such as a part of its path. */
  needed?: (keyof V & string)[];
  /** once is an Idempotency-Key: the same for the same values, so sending them again makes nothing twice. */
  send: (values: V, once: string) => Promise<R>;
  onSuccess?: (result: R, values: V) => unknown;
}): SentForm<V, R> {
  const t = useT();
  const form = useForm<V>({ initialValues });
  const sent = useRef<HTMLFormElement>(null);
  const tried = useRef({ text: "", key: "" });
  const focusMistake = () =>
    requestAnimationFrame(() => sent.current?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus());
  const sending = useMutation<R, Error, V>({
    mutationFn: (values) => {
      const text = JSON.stringify(values);
      if (tried.current.text !== text) tried.current = { text, key: randomKey() };
      return send(values, tried.current.key);
    },
    onSuccess,
    onError: (e) => {
      form.setErrors(errorsByPath(e, t));
      focusMistake();
    },
  });
  const places = Object.keys(errorsByPath(sending.error, t));
  const placed =
    sending.error instanceof Problem &&
    places.length > 0 &&
    places.length === sending.error.errors.length &&
    places.every((p) => (p.split(".")[0] ?? "") in initialValues);
  return {
    form,
    sending,
    submit: (e) => {
      sent.current = e.currentTarget;
      form.onSubmit((values) => {
        const missing = needed.filter((name) => String(values[name]).trim() === "");
        form.setErrors(Object.fromEntries(missing.map((name) => [name, t.problem.details.required])));
        if (missing.length > 0) focusMistake();
        else sending.mutate(values);
      })(e);
    },
    trouble: placed ? null : sending.error,
  };
}
