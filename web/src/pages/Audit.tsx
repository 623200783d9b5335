// Who changed what.
import { Text } from "@mantine/core";
import { IconHistory } from "@tabler/icons-react";
import { useInfiniteQuery } from "@tanstack/react-query";
import { auditQuery } from "../api/queries";
import { useT } from "../i18n";
import { Empty, PageHead, Time } from "../parts/basics";
import { Listing } from "../parts/Listing";
import { placeName } from "../parts/places";

export function AuditPage() {
  const t = useT();
  const list = useInfiniteQuery(auditQuery());
  return (
    <>
      <PageHead title={t.audit.title} text={t.audit.text} />
      <Listing
        list={list}
        id={(a) => a.id}
        width={680}
        empty={<Empty icon={<IconHistory size={40} stroke={1.5} />} title={t.audit.empty} text={t.audit.emptyText} />}
        columns={[
          {
            label: t.audit.who,
            cell: (a) =>
              a.actor.kind === "system"
                ? t.audit.gancho
                : a.actor.kind === "nobody"
                  ? a.actor.address || t.audit.nobody
                  : a.actor.name === "admin"
                    ? t.signIn.admin
                    : a.actor.name || t.roles[a.actor.role] || "–",
          },
          {
            label: t.audit.what,
            cell: (a) => (
              <div>
                {t.audit.actions[a.action] ?? a.action}
                {a.count > 1 && ` (${a.count}×)`}
                {a.fields.length > 0 && (
                  <Text size="xs" c="dimmed">
                    {a.fields.map((f) => placeName({ parameter: f, detail: "" }, t)).join(", ")}
                  </Text>
                )}
              </div>
            ),
          },
          {
            label: t.audit.object,
            clip: 260,
            cell: (a) => (
              <Text size="sm" className="clip">
                {a.name || a.object}
              </Text>
            ),
          },
          { label: t.nav.tenant, className: "mono", cell: (a) => a.tenant },
          { label: t.audit.from, className: "mono", cell: (a) => a.actor.address },
          { label: t.common.time, cell: (a) => <Time at={a.at} /> },
        ]}
      />
    </>
  );
}
