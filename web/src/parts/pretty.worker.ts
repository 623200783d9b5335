// Formats a long text beside the page, so that the page stays responsive. It is sent the text once, and "more" for
// each further piece.
import { isStructured, prettyPieces } from "./pretty";

/** What it answers: a piece of the formatted text, or that the text is no JSON that has lines. */
export type Formatted = { piece: string; last: boolean } | "unstructured";

const size = 200_000; // characters of a piece

let pieces: Iterator<string, void> | undefined;
let ahead: IteratorResult<string, void> | undefined;

addEventListener("message", ({ data }: MessageEvent<{ text: string } | "more">) => {
  const answer = (a: Formatted) => postMessage(a);
  if (data !== "more") {
    if (!isStructured(data.text)) {
      answer("unstructured");
      return;
    }
    pieces = prettyPieces(data.text, size);
    ahead = pieces.next();
  }
  const now = ahead;
  ahead = pieces?.next();
  answer({ piece: now?.value ?? "", last: ahead?.done !== false });
});
