// JSON with line breaks and indentation, made piece by piece in one pass over the text.

const quote = 0x22;
const backslash = 0x5c;
const isSpace = (c: number) => c === 0x20 || c === 0x0a || c === 0x0d || c === 0x09;
const isBracket = (c: number) => c === 0x7b || c === 0x7d || c === 0x5b || c === 0x5d || c === 0x2c || c === 0x3a;

/** Whether a text is a JSON object or array: only these have lines to break. */
export function isStructured(text: string): boolean {
  try {
    const v = JSON.parse(text);
    return typeof v === "object" && v !== null;
  } catch {
    return false;
  }
}

/** The index after the string that begins at i. */
function endOfString(text: string, i: number): number {
  for (let at = i + 1; at < text.length; at++) {
    const c = text.charCodeAt(at);
    if (c === backslash) at++;
    else if (c === quote) return at + 1;
  }
  return text.length;
}

/** The index after the number or word that begins at i. */
function endOfWord(text: string, i: number): number {
  let at = i + 1;
  for (; at < text.length; at++) {
    const c = text.charCodeAt(at);
    if (isSpace(c) || isBracket(c) || c === quote) break;
  }
  return at;
}

/**
 * Formats valid JSON in pieces of the given number of characters, the last one shorter. Tokens are copied, so
 * numbers and escapes stay as they were sent.
 */
export function* prettyPieces(text: string, size: number): Generator<string, void, void> {
  let out = "";
  let indent = "\n";
  for (let i = 0; i < text.length; ) {
    const c = text.charCodeAt(i);
    let end = i + 1;
    if (c === quote) {
      end = endOfString(text, i);
      out += text.slice(i, end);
    } else if (c === 0x7b || c === 0x5b) {
      while (isSpace(text.charCodeAt(end))) end++;
      const next = text.charCodeAt(end);
      if (next === 0x7d || next === 0x5d) {
        out += c === 0x7b ? "{}" : "[]";
        end++;
      } else {
        indent += "  ";
        out += text[i] + indent;
      }
    } else if (c === 0x7d || c === 0x5d) {
      indent = indent.slice(0, -2);
      out += indent + text[i];
    } else if (c === 0x2c) out += `,${indent}`;
    else if (c === 0x3a) out += ": ";
    else if (!isSpace(c)) {
      end = endOfWord(text, i);
      out += text.slice(i, end);
    }
    i = end;
    while (out.length >= size) {
      yield out.slice(0, size);
      out = out.slice(size);
    }
  }
  if (out) yield out;
}

/** The whole of a short text, formatted; undefined if there is nothing to format. */
export const pretty = (text: string): string | undefined =>
  isStructured(text) ? [...prettyPieces(text, text.length * 4 + 16)].join("") : undefined;
