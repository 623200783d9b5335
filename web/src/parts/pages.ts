// A list of any length, of which only the pages in sight are held. Of the others
// it is known where they begin, so that they can be asked for again.
import { useQueries } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import type { deliveriesQuery } from "../api/queries";

interface Page {
  from?: string; // the cursor that the page before it gave
  cursor?: string; // where it begins: empty pages after that are left out
  at: number; // the index of its first row
  length?: number; // unknown until it was read
}

/** What is known of the pages once the answer for one of them is there. What comes after it stays only if it follows. */
function learn(
  pages: Page[],
  k: number,
  cursor: string | undefined,
  answer: { items: unknown[]; next_cursor: string | null },
): Page[] {
  const page = pages[k];
  const after = answer.next_cursor ?? undefined;
  const length = answer.items.length;
  if (!page || page.cursor !== cursor || (page.length === length && pages[k + 1]?.from === after)) return pages;
  if (length === 0 && after && k > 0) return [...pages.slice(0, k), { ...page, cursor: after, length: undefined }];
  return [
    ...pages.slice(0, k),
    { ...page, length },
    ...(after ? [{ from: after, cursor: after, at: page.at + length }] : []),
  ];
}

const margin = 30; // rows beyond those in sight that are asked for
const most = 10_000; // rows of one list; further ones begin another, and browsers give up on the height of much longer ones

/**
 * Holds the pages around the rows from first to last. The newest page is renewed
 * while one looks at its beginning; elsewhere nothing moves under one's eyes.
 */
export function usePages(query: (cursor?: string) => ReturnType<typeof deliveriesQuery>, first: number, last: number) {
  const [pages, setPages] = useState<Page[]>([{ at: 0 }]);
  const near = pages
    .map((page, k) => ({ ...page, k }))
    .filter(({ k, at, length = 1 }) => k === 0 || (at < most && at <= last + margin && at + length >= first - margin));
  const answers = useQueries({
    queries: near.map(({ k, cursor }) => ({
      ...query(cursor),
      ...(k === 0
        ? { enabled: first === 0, refetchInterval: 10_000 }
        : { staleTime: Number.POSITIVE_INFINITY, gcTime: 5_000 }),
    })),
  });
  useEffect(() => {
    setPages((old) =>
      near.reduce(
        (known, { k, cursor }, i) => (answers[i]?.data ? learn(known, k, cursor, answers[i].data) : known),
        old,
      ),
    );
  });
  const end = pages.at(-1) as Page;
  return {
    head: answers[0],
    known: end.at + (end.length ?? 0), // rows that have been seen
    more: end.length === undefined && (end.at < most ? "comes" : "elsewhere"),
    /** The row of an index, if its page is here, and the page's query. */
    row(index: number) {
      const i = near.findLastIndex(({ at }) => at <= index);
      return { item: answers[i]?.data?.items[index - (near[i]?.at ?? 0)], page: answers[i] };
    },
  };
}
