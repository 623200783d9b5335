// Two texts beside each other, line by line. It is loaded where somebody compares. A screen reader hears of each line
// whether it is new or gone; colours and signs say the same to the eye.
import { Chunk } from "@codemirror/merge";
import { Text as Doc } from "@codemirror/state";
import { VisuallyHidden } from "@mantine/core";
import { Fragment, useMemo } from "react";
import { useT } from "../i18n";

const context = 3; // lines that are shown around a change

interface Row {
  old?: number; // the line in the text before
  now?: number; // the line in the text after
  text: string;
}

/** What makes the text after of the one before, in hunks with a few lines around each change. */
export function hunksOf(before: string, after: string): Row[][] {
  const a = Doc.of(before.replace(/\n$/, "").split("\n"));
  const b = Doc.of(after.replace(/\n$/, "").split("\n"));
  const lineOf = (doc: Doc, at: number) => (at > doc.length ? doc.lines + 1 : doc.lineAt(at).number);
  const rows: Row[] = [];
  let [old, now] = [1, 1];
  const same = (until: number) => {
    for (; old < until; old++, now++) rows.push({ old, now, text: a.line(old).text });
  };
  for (const c of Chunk.build(a, b)) {
    same(lineOf(a, c.fromA));
    for (const end = lineOf(a, c.toA); old < end; old++) rows.push({ old, text: a.line(old).text });
    for (const end = lineOf(b, c.toB); now < end; now++) rows.push({ now, text: b.line(now).text });
  }
  same(a.lines + 1);
  const near = (i: number) =>
    rows.slice(Math.max(0, i - context), i + context + 1).some((r) => r.old === undefined || r.now === undefined);
  const out: Row[][] = [];
  let open = false; // set while rows are near a change
  rows.forEach((r, i) => {
    if (!near(i)) {
      open = false;
      return;
    }
    if (!open) out.push([]);
    open = true;
    out.at(-1)?.push(r);
  });
  return out;
}

export default function LineDiff({ before, after, label }: { before: string; after: string; label: string }) {
  const t = useT();
  const hunks = useMemo(() => hunksOf(before, after), [before, after]);
  return (
    <div className="code line-diff" tabIndex={0} role="region" aria-label={label}>
      <table>
        <thead>
          <tr>
            <th scope="col">
              <VisuallyHidden>{t.editor.oldLine}</VisuallyHidden>
            </th>
            <th scope="col">
              <VisuallyHidden>{t.editor.newLine}</VisuallyHidden>
            </th>
            <th scope="col">
              <VisuallyHidden>{t.contracts.source}</VisuallyHidden>
            </th>
          </tr>
        </thead>
        <tbody>
          {hunks.map((rows, h) => (
            <Fragment key={`${rows[0]?.old} ${rows[0]?.now}`}>
              {h > 0 && (
                <tr aria-hidden className="gap">
                  <td colSpan={3}>⋯</td>
                </tr>
              )}
              {rows.map((r) => (
                <Line key={`${r.old} ${r.now}`} row={r} />
              ))}
            </Fragment>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Line({ row: r }: { row: Row }) {
  const t = useT();
  const kind = r.now === undefined ? "gone" : r.old === undefined ? "new" : "same";
  return (
    <tr className={kind}>
      <td className="number">{r.old}</td>
      <td className="number">{r.now}</td>
      <td>
        <span aria-hidden>{{ gone: "− ", new: "+ ", same: "  " }[kind]}</span>
        {kind !== "same" && <VisuallyHidden>{kind === "new" ? t.editor.added : t.editor.removed} </VisuallyHidden>}
        {kind === "gone" ? <del>{r.text}</del> : kind === "new" ? <ins>{r.text}</ins> : r.text}
      </td>
    </tr>
  );
}
