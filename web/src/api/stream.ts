// What happens, while it happens. EventSource could not send the portal's token,
// so the stream is read by hand.
import { useEffect, useState } from "react";
import { base } from "../base";
import { authorization, readProblem } from "./client";
import { ofTenant, queryClient } from "./queries";

/** As far as the pages need it; see GET /v1/stream. */
interface Notice {
  kind: string;
  tenant?: string;
}

const rest = 1_000; // ms between two renewals of what is shown, however much happens
const again = 3_000; // ms until the stream is opened anew

/** Renews what is shown of a tenant, or of all, as things happen. Tells whether it is connected. */
export function useLive(tenant: string | undefined): boolean {
  const [live, setLive] = useState(false);
  useEffect(() => {
    const stop = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    let touched = new Set<string>();
    const renew = () => {
      timer = undefined;
      const tenants = touched;
      touched = new Set();
      for (const t of tenants)
        void queryClient.invalidateQueries({
          queryKey: t ? ofTenant(t) : ["tenants"],
          predicate: (q) => changes(q.queryKey),
        });
      void queryClient.invalidateQueries({ queryKey: ["audit"] });
    };
    const tell = (n: Notice) => {
      if (n.kind === "contract") void queryClient.invalidateQueries({ queryKey: ["contracts"] });
      touched.add(n.tenant ?? tenant ?? "");
      timer ??= setTimeout(renew, rest);
    };
    void (async () => {
      while (!stop.signal.aborted) {
        try {
          await read(tenant, stop.signal, () => setLive(true), tell);
        } catch {
          // it is opened again below
        }
        setLive(false);
        if (!stop.signal.aborted) await new Promise((r) => setTimeout(r, again));
      }
    })();
    return () => {
      stop.abort();
      clearTimeout(timer);
    };
  }, [tenant]);
  return live;
}

/** Whether a notice may change what a query shows: not the events of the past, and not what was paged through. */
function changes(key: readonly unknown[]): boolean {
  if (key[2] === "event" || key[2] === "exact" || key[2] === "stats") return false;
  if (key[2] === "deliveries") return key[4] === undefined; // the newest page
  if (key[2] !== "events") return true;
  const data = queryClient.getQueryData<{ pages: unknown[] }>(key);
  return (data?.pages.length ?? 0) <= 1;
}

async function read(tenant: string | undefined, signal: AbortSignal, opened: () => void, tell: (n: Notice) => void) {
  const answer = await fetch(`${base}/v1/stream${tenant ? `?tenant=${encodeURIComponent(tenant)}` : ""}`, {
    headers: { ...authorization(), Accept: "text/event-stream" },
    signal,
  });
  if (!answer.ok || !answer.body) throw await readProblem(answer);
  opened();
  let rest = "";
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const lines = (rest + value).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) if (line.startsWith("data: ")) tell(JSON.parse(line.slice(6)));
  }
}
