// CodeMirror, loaded only where something is edited. Problems stand at their line.
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { javascript } from "@codemirror/lang-javascript";
import { json } from "@codemirror/lang-json";
import { yaml } from "@codemirror/lang-yaml";
import { bracketMatching, foldGutter, HighlightStyle, indentOnInput, syntaxHighlighting } from "@codemirror/language";
import { type Diagnostic, lintGutter, setDiagnostics } from "@codemirror/lint";
import { EditorState } from "@codemirror/state";
import { EditorView, highlightActiveLine, keymap, lineNumbers } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { useEffect, useRef } from "react";

export interface Mark {
  line: number;
  column?: number;
  text: string;
}

const colours = HighlightStyle.define([
  { tag: [tags.propertyName, tags.definition(tags.propertyName)], class: "tok-key" },
  { tag: [tags.string, tags.content], class: "tok-string" },
  { tag: [tags.number, tags.bool, tags.null], class: "tok-number" },
  { tag: tags.keyword, class: "tok-word" },
  { tag: tags.comment, color: "var(--mantine-color-dimmed)" },
]);

const look = EditorView.theme({
  "&": { color: "var(--mantine-color-text)", backgroundColor: "transparent" },
  ".cm-content": { caretColor: "var(--mantine-color-text)" },
  ".cm-cursor": { borderLeftColor: "var(--mantine-color-text)" },
  ".cm-gutters": { backgroundColor: "var(--page)", color: "var(--mantine-color-dimmed)", border: "none" },
  ".cm-activeLine, .cm-activeLineGutter": {
    backgroundColor: "color-mix(in srgb, var(--mantine-color-text) 5%, transparent)",
  },
  "&.cm-focused .cm-selectionBackground, .cm-selectionBackground": {
    backgroundColor: "color-mix(in srgb, var(--mantine-primary-color-filled) 25%, transparent) !important",
  },
  ".cm-tooltip": {
    backgroundColor: "var(--mantine-color-body)",
    border: "1px solid var(--mantine-color-default-border)",
    color: "var(--mantine-color-text)",
  },
});

const languages = { javascript, json, yaml };

export default function Editor({
  first,
  language,
  label,
  marks = [],
  onChange,
  height,
}: {
  first: string;
  language: keyof typeof languages;
  label: string;
  marks?: Mark[];
  onChange: (text: string) => void;
  height?: string;
}) {
  const box = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView>(null);
  const tell = useRef(onChange);
  tell.current = onChange;
  useEffect(() => {
    if (!box.current) return undefined;
    const v = new EditorView({
      parent: box.current,
      state: EditorState.create({
        doc: first,
        extensions: [
          lineNumbers(),
          foldGutter(),
          history(),
          indentOnInput(),
          bracketMatching(),
          highlightActiveLine(),
          lintGutter(),
          syntaxHighlighting(colours),
          look,
          languages[language](),
          // Escape, then Tab, leaves the editor, as for every CodeMirror.
          keymap.of([...defaultKeymap, ...historyKeymap, indentWithTab]),
          EditorView.lineWrapping,
          EditorView.contentAttributes.of({ "aria-label": label, tabindex: "0" }),
          EditorView.updateListener.of((u) => u.docChanged && tell.current(u.state.doc.toString())),
        ],
      }),
    });
    view.current = v;
    return () => v.destroy();
  }, [first, language, label]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new text makes a new editor, which needs its marks again
  useEffect(() => {
    const v = view.current;
    if (!v) return;
    const doc = v.state.doc;
    const list: Diagnostic[] = marks
      .filter((m) => m.line >= 1 && m.line <= doc.lines)
      .map((m) => {
        const line = doc.line(m.line);
        const from = Math.min(line.from + Math.max((m.column ?? 1) - 1, 0), line.to);
        return { from, to: line.to, severity: "error", message: m.text };
      });
    v.dispatch(setDiagnostics(v.state, list));
  }, [marks, first]);
  return <div className="editor" ref={box} style={{ "--height": height } as React.CSSProperties} />;
}
