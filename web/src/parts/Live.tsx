import { Badge, Tooltip } from "@mantine/core";
import { useT } from "../i18n";

/** Says that what one sees renews itself. */
export function LiveMark() {
  const t = useT();
  return (
    <Tooltip label={t.deliveries.liveOn}>
      <Badge variant="default" leftSection={<span className="dot live-dot" aria-hidden />}>{t.deliveries.live}</Badge>
    </Tooltip>
  );
}
