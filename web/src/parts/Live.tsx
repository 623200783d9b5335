import { Badge, Tooltip } from "@mantine/core";
import { createContext, useContext } from "react";
import { useT } from "../i18n";

/** Whether the stream is connected; the frame around the pages holds it open. */
export const LiveContext = createContext(false);

/** Says that what one sees renews itself. */
export function LiveMark() {
  const t = useT();
  if (!useContext(LiveContext)) return null;
  return (
    <Tooltip label={t.deliveries.liveOn}>
      <Badge variant="default" leftSection={<span className="dot live-dot" aria-hidden />}>
        {t.deliveries.live}
      </Badge>
    </Tooltip>
  );
}
