// What a person has to know before a request comes: how fast to answer, and that it does not come again.
import { Alert } from "@mantine/core";
import { IconClockBolt } from "@tabler/icons-react";
import type { Schemas } from "../api/client";
import { milliseconds, span } from "../format";
import { useT } from "../i18n";

/** An answer that has to come faster than this needs a program that is made for it. */
const quick = 2000;

/** timeout is that of an endpoint, in ms, which may have its own. Most systems give no reason to say anything. */
export function Promised({ contract: c, timeout }: { contract?: Schemas["ContractDetail"]; timeout?: number }) {
  const t = useT();
  if (!c) return null;
  const once = c.delivery.mode === "at_most_once";
  const ms = timeout ?? c.delivery.timeout_ms;
  if (!once && ms >= quick) return null;
  const limit = ms < 1000 ? `${milliseconds(ms, t.locale)} ms` : span(ms / 1000, t.locale);
  return (
    <Alert color="yellow" variant="light" icon={<IconClockBolt />} role="note">
      {once ? t.test.once(limit) : t.test.quick(limit)}
      {ms < quick && ` ${t.test.queue}`}
    </Alert>
  );
}
