// Under which name an endpoint goes on a page: that of its contract, or the one that all contracts in sight share.
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { contractsQuery } from "../api/queries";
import { Called, type Language, useT } from "../i18n";
import { shared } from "../i18n/noun";
import { Waiting } from "../shell/Placeholders";

function useContracts() {
  const t = useT();
  // While another language is loaded the names of the last one stay, so that no form is lost.
  return useQuery({ ...contractsQuery(t.code as Language), placeholderData: (last) => last });
}

/** Its children call an endpoint what all contracts call it that the visitor sees. */
export function SharedNames({ children }: { children: ReactNode }) {
  const contracts = useContracts();
  if (contracts.isLoading && !contracts.failureCount) return <Waiting />;
  return <Called noun={shared((contracts.data ?? []).map((c) => c.names.endpoint))}>{children}</Called>;
}

/** Its children call an endpoint what this contract calls it; without one, what all share. */
export function NamesOf({ contract, children }: { contract?: string; children: ReactNode }) {
  const contracts = useContracts();
  const all = contracts.data ?? [];
  const found = all.find((c) => c.name === contract);
  return <Called noun={found ? found.names.endpoint : shared(all.map((c) => c.names.endpoint))}>{children}</Called>;
}
