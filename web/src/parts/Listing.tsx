// Lists as tables: a row per thing. Where there is little room, a block per thing,
// with all its values under their labels, so that nothing is out of sight.
import { Button, Paper, Table, VisuallyHidden } from "@mantine/core";
import type { InfiniteData, UseInfiniteQueryResult } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { useT } from "../i18n";
import { Skeletons, Trouble } from "./basics";

export interface Column<T> {
  label: string;
  cell: (x: T) => ReactNode;
  className?: string;
  clip?: number; // pixels; what is longer is cut off at its end
  action?: boolean; // what can be done, at the end of the row
}

/** Leaves out a column that is not for everybody. */
export const when = <T,>(shown: boolean, column: Column<T>): Column<T>[] => (shown ? [column] : []);

export function Columns<T>({
  items,
  id,
  columns,
  width,
}: {
  items: T[];
  id: (x: T) => string;
  columns: Column<T>[];
  width: number;
}) {
  return (
    <Table.ScrollContainer minWidth={width} type="native" tabIndex={0} className="columns-box">
      <Table className="columns" role="table">
        <Table.Thead role="rowgroup">
          <Table.Tr role="row">
            {columns.map((c) => (
              <Table.Th key={c.label} role="columnheader">
                {c.action ? <VisuallyHidden>{c.label}</VisuallyHidden> : c.label}
              </Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody role="rowgroup">
          {items.map((x) => (
            <Table.Tr key={id(x)} role="row">
              {columns.map((c, i) => (
                <Table.Td
                  key={c.label}
                  role="cell"
                  data-label={i > 0 && !c.action ? c.label : undefined}
                  className={c.className}
                  maw={c.clip}
                  fw={i === 0 ? 550 : undefined}
                  ta={c.action ? "right" : undefined}
                >
                  {c.cell(x)}
                </Table.Td>
              ))}
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}

/** All of what a query gives, page by page; empty says what to do while there is nothing. */
export function Listing<T>({
  list,
  empty,
  ...rest
}: {
  list: UseInfiniteQueryResult<InfiniteData<{ items: T[] }>>;
  empty: ReactNode;
  id: (x: T) => string;
  columns: Column<T>[];
  width: number;
}) {
  const t = useT();
  const items = itemsOf(list);
  return (
    <>
      <Trouble error={list.error} retry={() => void list.refetch()} />
      {!list.error && (
        <Paper>
          {list.isPending ? (
            <Skeletons />
          ) : items.length === 0 && !list.hasNextPage ? (
            empty
          ) : (
            <Columns items={items} {...rest} />
          )}
        </Paper>
      )}
      {list.hasNextPage && (
        <Button variant="default" mt="md" loading={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>
          {t.common.more}
        </Button>
      )}
    </>
  );
}

export const itemsOf = <T,>(list: { data?: InfiniteData<{ items: T[] }> }): T[] =>
  list.data?.pages.flatMap((p) => p.items) ?? [];
