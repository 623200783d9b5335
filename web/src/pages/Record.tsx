// One record: its document, to the byte, and a way to change it that shows what fired.
import { Alert, Anchor, Button, Group, Paper, SegmentedControl, SimpleGrid, Stack, Text, Title } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { IconDatabaseOff, IconEdit, IconPlus, IconTrash } from "@tabler/icons-react";
import { useMutation, useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useParams } from "@tanstack/react-router";
import { useState } from "react";
import { Problem, type RecordAnswer } from "../api/client";
import {
  changeRecord,
  ofTenant,
  queryClient,
  type RecordName,
  recordContractsQuery,
  recordQuery,
  revealedRecordQuery,
} from "../api/queries";
import { exactTime } from "../format";
import { type Language, useT } from "../i18n";
import { Copy, detailOf, Empty, Fact, PageHead, Skeletons, Trouble, Unreadable } from "../parts/basics";
import { Code } from "../parts/Code";
import { Confirm } from "../parts/Confirm";
import { useEventTitles } from "../parts/DeliveryRows";
import { LazyEditor } from "../parts/LazyEditor";
import { Reveal, useMayReveal } from "../parts/Reveal";
import { mask, type Schema } from "../parts/SettingsForm";
import { useMay } from "../session";

export function RecordPage() {
  const t = useT();
  const go = useNavigate();
  const { tenant, ...name } = useParams({ from: "/t/$tenant/records/$contract/$kind/$key" });
  const mayChange = useMay("edit_records");
  const record = useQuery(recordQuery(tenant, name));
  const unreadable = record.error instanceof Problem && record.error.code === "unreadable";
  const [revealed, setRevealed] = useState(false);
  const mayReveal = useMayReveal(name.contract);
  const plain = useQuery({ ...revealedRecordQuery(tenant, name), enabled: revealed });
  const contracts = useQuery(recordContractsQuery(t.code as Language));
  const [editing, setEditing] = useState<{ document?: string; etag?: string }>(); // the version that one began with
  const [deleting, setDeleting] = useState(false);
  const [answer, setAnswer] = useState<RecordAnswer>();
  const remove = useMutation({
    mutationFn: () => changeRecord(tenant, name, "DELETE", unreadable ? "*" : record.data?.etag),
    onSuccess: (a) => {
      notifications.show({ message: t.records.deleted(a.events.length) });
      void queryClient.invalidateQueries({ queryKey: ofTenant(tenant) });
      void go({ to: "/t/$tenant/records", params: { tenant }, search: { contract: name.contract, kind: name.kind } });
    },
  });
  const of = contracts.data?.find((c) => c.name === name.contract);
  const kind = of?.records.find((k) => k.kind === name.kind);
  const title = `${kind?.title || name.kind} ${name.key}`;
  const back = (
    <Anchor
      component={Link}
      {...({
        to: "/t/$tenant/records",
        params: { tenant },
        search: { contract: name.contract, kind: name.kind },
      } as object)}
      size="sm"
      c="dimmed"
    >
      ← {t.records.title}
    </Anchor>
  );
  const ask = deleting && (
    <Confirm
      title={t.endpoints.deleteTitle(title)}
      text={unreadable ? t.records.deleteSilent : t.records.deleteText}
      verb={t.common.delete}
      danger
      busy={remove.isPending}
      error={remove.error}
      onCancel={() => {
        remove.reset();
        setDeleting(false);
      }}
      onConfirm={() => remove.mutate()}
    />
  );
  const askToDelete = (
    <Button variant="default" leftSection={<IconTrash size={16} />} onClick={() => setDeleting(true)}>
      {t.common.delete}
    </Button>
  );
  if (unreadable)
    return (
      <>
        {back}
        <PageHead title={title} text={of?.title ?? name.contract}>
          {mayChange && askToDelete}
        </PageHead>
        <Unreadable title={t.records.unreadable} text={t.records.unreadableText} />
        {ask}
      </>
    );
  if (record.error)
    return (
      <>
        {back}
        <PageHead title={title} />
        <Trouble error={record.error} retry={() => void record.refetch()} />
      </>
    );
  if (record.data === undefined) return <Skeletons />;
  const there = record.data && { ...record.data, document: (revealed && plain.data?.text) || record.data.document };
  const edit = () => {
    setAnswer(undefined);
    setEditing(there ?? {});
  };
  return (
    <>
      {back}
      <PageHead title={title} text={of?.title ?? name.contract}>
        {mayChange && there && !editing && (
          <>
            <Button variant="default" leftSection={<IconEdit size={16} />} onClick={edit}>
              {t.common.edit}
            </Button>
            {askToDelete}
          </>
        )}
      </PageHead>
      <Stack gap="lg">
        {answer && <Fired tenant={tenant} answer={answer} />}
        {there && (
          <Paper p="lg">
            <SimpleGrid component="dl" cols={{ base: 1, xs: 2, md: 4 }} m={0}>
              <Fact label={t.records.key}>
                <Group gap={4} wrap="nowrap">
                  <span className="mono">{name.key}</span>
                  <Copy text={name.key} label={`${t.common.copy}: ${t.records.key}`} />
                </Group>
              </Fact>
              <Fact label={t.records.kind}>
                <span className="mono">{name.kind}</span>
              </Fact>
              <Fact label={t.records.changed}>{exactTime(there.updated, t.locale)}</Fact>
              <Fact label={t.records.version}>
                <span className="mono">{there.etag}</span>
              </Fact>
            </SimpleGrid>
          </Paper>
        )}
        {editing ? (
          <Change
            tenant={tenant}
            name={name}
            seen={editing}
            first={editing.document ?? blank(kind?.key ?? "id", name.key, kind?.schema as Schema | undefined)}
            onClose={() => {
              void record.refetch();
              setEditing(undefined);
            }}
            onDone={(a) => {
              setRevealed(false);
              setAnswer(a);
              setEditing(undefined);
            }}
          />
        ) : there ? (
          <Paper p="lg">
            {mayReveal && <Reveal shown={revealed} busy={revealed && plain.isPending} onChange={setRevealed} />}
            {revealed && <Trouble error={plain.error} retry={() => void plain.refetch()} />}
            <Code text={there.document} label={t.records.document} />
          </Paper>
        ) : (
          <Paper>
            <Empty
              icon={<IconDatabaseOff size={40} stroke={1.5} />}
              title={t.records.missing}
              text={mayChange && kind ? t.records.missingText : ""}
            >
              {mayChange && kind && (
                <Button leftSection={<IconPlus size={16} />} onClick={edit}>
                  {t.records.write}
                </Button>
              )}
            </Empty>
          </Paper>
        )}
      </Stack>
      {ask}
    </>
  );
}

/** A document with nothing but its key, which the contract says the place of. */
function blank(path: string, key: string, schema?: Schema): string {
  const parts = path.split(".");
  const type: unknown = parts.length === 1 ? schema?.properties?.[path]?.type : undefined;
  const value: unknown = type === "integer" && Number.isSafeInteger(Number(key)) ? Number(key) : key;
  return JSON.stringify(
    parts.reduceRight((inner, part) => ({ [part]: inner }), value),
    null,
    2,
  );
}

function Change({
  tenant,
  name,
  seen,
  first,
  onClose,
  onDone,
}: {
  tenant: string;
  name: RecordName;
  seen: { document?: string; etag?: string };
  first: string;
  onClose: () => void;
  onDone: (a: RecordAnswer) => void;
}) {
  const t = useT();
  const masked = seen.document?.includes(`"${mask}"`) ?? false; // written back, the mask would take the place of the data
  const [how, setHow] = useState<"PUT" | "PATCH">(masked ? "PATCH" : "PUT");
  const [texts, setTexts] = useState({ PUT: first, PATCH: "{\n  \n}" });
  // What the editor begins with when one goes from one way to the other.
  const [begin, setBegin] = useState(texts[how]);
  const save = useMutation({
    mutationFn: () => {
      try {
        JSON.parse(texts[how]);
      } catch {
        throw new Error(t.events.notJson);
      }
      return changeRecord(tenant, name, how, seen.etag, texts[how]);
    },
    onSuccess: async (a) => {
      await queryClient.invalidateQueries({ queryKey: ofTenant(tenant) });
      onDone(a);
    },
  });
  return (
    <form
      onSubmit={(e) => {
        e.preventDefault();
        save.mutate();
      }}
    >
      <Stack gap="sm">
        {masked && (
          <Text size="sm" c="dimmed">
            {t.people.maskedRecord}
          </Text>
        )}
        {seen.document !== undefined && !masked && (
          <SegmentedControl
            value={how}
            aria-label={t.records.how}
            data={[
              { value: "PUT", label: t.records.put },
              { value: "PATCH", label: t.records.patch },
            ]}
            style={{ alignSelf: "flex-start" }}
            onChange={(v) => {
              save.reset();
              setBegin(texts[v as "PUT"]);
              setHow(v as "PUT");
            }}
          />
        )}
        {how === "PATCH" && (
          <Text size="sm" c="dimmed">
            {t.records.patchHelp}
          </Text>
        )}
        <LazyEditor
          key={how}
          first={begin}
          language="json"
          label={t.records.document}
          onChange={(text) => setTexts((all) => ({ ...all, [how]: text }))}
          height="56dvh"
        />
        <Trouble error={save.error} />
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            {t.common.cancel}
          </Button>
          <Button type="submit" loading={save.isPending}>
            {t.records.save}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

/** What a change came to: its events, and what stood in the way of others. */
function Fired({ tenant, answer: a }: { tenant: string; answer: RecordAnswer }) {
  const t = useT();
  const titles = useEventTitles();
  return (
    <Stack gap="sm">
      <Paper p="lg" role="status">
        <Title order={2} mb={4}>
          {a.changed ? (a.created ? t.records.created : t.records.saved) : t.records.same}
        </Title>
        {a.changed &&
          (a.events.length === 0 ? (
            <Text size="sm" c="dimmed">
              {t.records.noneFired}
            </Text>
          ) : (
            <Stack gap={4}>
              {a.events.map((e) => (
                <Text key={e.id} size="sm">
                  {t.records.fired}:{" "}
                  <Anchor
                    component={Link}
                    {...({ to: "/t/$tenant/events/$event", params: { tenant, event: e.id } } as object)}
                    size="sm"
                    fw={550}
                  >
                    {titles(a.contract, e.type)}
                  </Anchor>{" "}
                  ·{" "}
                  {e.hint
                    ? detailOf({ code: e.hint_code, params: e.hint_params, detail: e.hint }, t)
                    : t.records.takes(e.deliveries)}
                </Text>
              ))}
            </Stack>
          ))}
      </Paper>
      {a.problems.length > 0 && (
        <Alert color="yellow" variant="light" title={t.records.notFired}>
          {a.problems.map((p) => (
            <Text key={`${p.type} ${p.line} ${p.detail}`} size="sm">
              <b>{titles(a.contract, p.type)}</b>
              {p.line ? ` (${t.contracts.line(p.line)})` : ""}: {p.detail}
            </Text>
          ))}
        </Alert>
      )}
    </Stack>
  );
}
