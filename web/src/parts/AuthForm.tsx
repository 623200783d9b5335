// How requests of an endpoint prove who sends them: credentials in a header, and certificates.
import { PasswordInput, Select, Stack, Text, Textarea, TextInput } from "@mantine/core";
import type { Schemas } from "../api/client";
import { useT } from "../i18n";
import { mask } from "./SettingsForm";

export type Auth = Schemas["Auth"];
export type Tls = Schemas["TLS"];

const kinds = ["basic", "bearer", "oauth2"] as const;

/** An auth is of the kind of its first member. */
export const kindOf = (auth: Auth | null) => kinds.find((k) => auth?.[k] !== undefined);

/** A merge patch that makes an auth what it is now: members that it has no longer are null. */
export const authPatch = (auth: Auth | null) =>
  auth && kindOf(auth) ? { basic: null, bearer: null, oauth2: null, ...auth } : null;

type ErrorAt = (pointer: string) => string | undefined;

function Secret({
  label,
  value,
  onChange,
  error,
}: {
  label: string;
  value?: string;
  onChange: (v: string) => void;
  error?: string;
}) {
  const t = useT();
  return (
    <PasswordInput
      label={label}
      value={value ?? ""}
      error={error}
      aria-invalid={error ? true : undefined}
      autoComplete="off"
      data-1p-ignore
      onChange={(e) => onChange(e.currentTarget.value)}
      onFocus={(e) => value === mask && e.currentTarget.select()}
      visibilityToggleButtonProps={{ "aria-label": t.common.show }}
      inputWrapperOrder={["label", "description", "input", "error"]}
      description={value === mask ? t.form.secretKept : undefined}
    />
  );
}

export function AuthForm({
  value,
  onChange,
  errorAt,
}: {
  value: Auth | null;
  onChange: (v: Auth | null) => void;
  errorAt: ErrorAt;
}) {
  const t = useT();
  const kind = kindOf(value);
  const { basic, oauth2 } = value ?? {};
  const put = (v: Partial<Schemas["OAuth2"]>) => onChange({ oauth2: { ...oauth2, ...v } });
  const text = (name: "token_url" | "client_id" | "scope" | "audience", label: string) => (
    <TextInput
      label={label}
      value={oauth2?.[name] ?? ""}
      error={errorAt(`/auth/oauth2/${name}`)}
      onChange={(e) => put({ [name]: e.currentTarget.value })}
    />
  );
  return (
    <Stack gap="xs">
      <Select
        label={t.auth.title}
        description={t.auth.help}
        placeholder={t.common.none}
        clearable
        data={kinds.map((k) => ({ value: k, label: t.auth[k] }))}
        value={kind ?? null}
        error={errorAt("/auth")}
        onChange={(k) => onChange(k === null ? null : k === "bearer" ? { bearer: "" } : { [k]: {} })}
      />
      {kind === "basic" && (
        <>
          <TextInput
            label={t.auth.user}
            value={basic?.user ?? ""}
            error={errorAt("/auth/basic/user")}
            autoComplete="off"
            onChange={(e) => onChange({ basic: { ...basic, user: e.currentTarget.value } })}
          />
          <Secret
            label={t.auth.password}
            value={basic?.password}
            error={errorAt("/auth/basic/password")}
            onChange={(password) => onChange({ basic: { ...basic, password } })}
          />
        </>
      )}
      {kind === "bearer" && (
        <Secret
          label={t.auth.token}
          value={value?.bearer}
          error={errorAt("/auth/bearer")}
          onChange={(bearer) => onChange({ bearer })}
        />
      )}
      {kind === "oauth2" && (
        <>
          {text("token_url", t.auth.tokenUrl)}
          {text("client_id", t.auth.clientId)}
          <Secret
            label={t.auth.clientSecret}
            value={oauth2?.client_secret}
            error={errorAt("/auth/oauth2/client_secret")}
            onChange={(client_secret) => put({ client_secret })}
          />
          {text("scope", t.auth.scope)}
          {text("audience", t.auth.audience)}
          <Select
            label={t.auth.style}
            allowDeselect={false}
            data={[
              { value: "header", label: t.auth.inHeader },
              { value: "body", label: t.auth.inBody },
            ]}
            value={oauth2?.style || "header"}
            onChange={(v) => put({ style: v === "body" ? "body" : "header" })}
          />
        </>
      )}
    </Stack>
  );
}

export function TlsForm({
  value,
  onChange,
  errorAt,
}: {
  value: Tls | null;
  onChange: (v: Tls) => void;
  errorAt: ErrorAt;
}) {
  const t = useT();
  const area = (name: "certificate" | "key" | "ca", label: string, begins: string) => (
    <Textarea
      label={label}
      description={value?.[name] === mask ? t.form.secretKept : undefined}
      placeholder={`-----BEGIN ${begins}-----`}
      autosize
      minRows={2}
      maxRows={6}
      classNames={{ input: "mono" }}
      spellCheck={false}
      autoComplete="off"
      value={value?.[name] ?? ""}
      error={errorAt(`/tls/${name}`)}
      onChange={(e) => onChange({ ...value, [name]: e.currentTarget.value })}
    />
  );
  return (
    <Stack gap="xs">
      <div>
        <Text size="sm" fw={500}>
          {t.auth.certificates}
        </Text>
        <Text size="xs" c="dimmed">
          {t.auth.certificatesHelp}
        </Text>
      </div>
      {area("certificate", t.auth.certificate, "CERTIFICATE")}
      {area("key", t.auth.key, "PRIVATE KEY")}
      {area("ca", t.auth.ca, "CERTIFICATE")}
    </Stack>
  );
}

const soon = 30 * 24 * 3600 * 1000;

/** Whose a certificate is, until when it is valid, and a warning if that is not for long. */
export function CertificateLine({ certificate: c }: { certificate: Schemas["Certificate"] }) {
  const t = useT();
  const ends = Date.parse(c.expires_at);
  const left = ends - Date.now();
  const until = new Intl.DateTimeFormat(t.locale, { dateStyle: "medium" }).format(ends);
  return (
    <>
      <span className="mono">{c.subject}</span> · {t.auth.issuedBy} <span className="mono">{c.issuer}</span>
      <Text size="xs" c={left < 0 ? "red" : left < soon ? "orange" : "dimmed"}>
        {left < 0 ? t.auth.expired(until) : left < soon ? t.auth.expiresSoon(until) : t.auth.validUntil(until)}
      </Text>
    </>
  );
}
