// A way to the documentation of a contract, from where people need it.
import { Anchor } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { useT } from "../i18n";
import { useShows } from "../session";

/** A link to it, with the values of an endpoint in its examples if one is named. */
export function DocumentationLink({ contract, endpoint }: { contract: string; endpoint?: string }) {
  const t = useT();
  if (!useShows()("documentation")) return null;
  const to = `/documentation/${encodeURIComponent(contract)}`;
  return (
    <Anchor component={Link} size="sm" {...{ to, ...(endpoint ? { search: { endpoint } as never } : {}) }}>
      {t.docs.read}
    </Anchor>
  );
}
