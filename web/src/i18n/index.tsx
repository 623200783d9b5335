// The language of the pages: one catalogue at a time, loaded when it is needed.
import { createContext, type ReactNode, useContext, useEffect, useMemo, useState } from "react";
import { portal } from "../session";
import type { Messages } from "./en";
import { type Noun, speak } from "./noun";

export type Language = "es" | "pt" | "en";
export const languages: { value: Language; label: string }[] = [
  { value: "es", label: "Español" },
  { value: "pt", label: "Português" },
  { value: "en", label: "English" },
];

const catalogues: Record<Language, () => Promise<{ default: Messages }>> = {
  es: () => import("./es"),
  pt: () => import("./pt"),
  en: () => import("./en"),
};

const remembered = "gancho.language";

const isLanguage = (text: string): text is Language => text in catalogues;

/** The language to begin with: asked for, chosen before, the browser's, Spanish. */
export function firstLanguage(asked?: string): Language {
  const wanted = [asked ?? "", stored(), ...navigator.languages].map((l) => l.slice(0, 2).toLowerCase());
  return wanted.find(isLanguage) ?? "es";
}

function stored(): string {
  try {
    return localStorage.getItem(remembered) ?? "";
  } catch {
    return ""; // an iframe may have no storage
  }
}

/** Texts with others in the place of some. */
function over<T extends object>(texts: T, others: object): T {
  const out = { ...texts } as Record<string, unknown>;
  for (const [name, other] of Object.entries(others)) {
    const text = out[name];
    out[name] = typeof other === "object" && typeof text === "object" && text ? over(text, other) : other;
  }
  return out as T;
}

interface Speech {
  t: Messages;
  marked: Messages; // with the marks that noun.ts reads
  setLanguage: (l: Language) => void;
}

const SpeechContext = createContext<Speech | null>(null);

export function SpeechProvider({ first, children }: { first: Language; children: ReactNode }) {
  const [language, setLanguage] = useState(first);
  const [marked, setMessages] = useState<Messages>();
  const t = useMemo(() => marked && speak(marked), [marked]);
  useEffect(() => {
    let current = true;
    void catalogues[language]().then((m) => {
      if (!current) return;
      document.documentElement.lang = m.default.locale;
      setMessages(portal ? over(m.default, m.default.portal.instead) : m.default);
    });
    return () => {
      current = false;
    };
  }, [language]);
  if (!t || !marked) return null;
  const choose = (l: Language) => {
    try {
      localStorage.setItem(remembered, l);
    } catch {
      // it is only forgotten
    }
    setLanguage(l);
  };
  return <SpeechContext value={{ t, marked, setLanguage: choose }}>{children}</SpeechContext>;
}

export function useSpeech(): Speech {
  const speech = useContext(SpeechContext);
  if (!speech) throw new Error("useSpeech outside of SpeechProvider");
  return speech;
}

/** In the texts of its children this noun stands for an endpoint, or the product's own word if there is none. */
export function Called({ noun, children }: { noun?: Noun; children: ReactNode }) {
  const speech = useSpeech();
  const { marked } = speech;
  const { one, many, gender } = noun ?? {};
  const t = useMemo(
    () => speak(marked, one && many && gender ? { one, many, gender } : undefined),
    [marked, one, many, gender],
  );
  return <SpeechContext value={{ ...speech, t }}>{children}</SpeechContext>;
}

/** The texts in the present language. */
export const useT = () => useSpeech().t;
