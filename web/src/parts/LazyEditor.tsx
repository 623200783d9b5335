import { Skeleton } from "@mantine/core";
import { type ComponentProps, lazy, Suspense } from "react";

const Editor = lazy(() => import("./Editor"));

export function LazyEditor(props: ComponentProps<typeof Editor>) {
  return (
    <Suspense fallback={<Skeleton height={240} radius="md" />}>
      <Editor {...props} />
    </Suspense>
  );
}
