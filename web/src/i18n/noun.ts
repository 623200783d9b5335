// What people call an endpoint. Catalogues mark the noun together with the words that agree with it, ‹un destino›, as they
// are for the product's own word; a contract can have another one, in the plural and of another gender.

/** A noun as it stands in the middle of a sentence. */
export interface Noun {
  one: string;
  many: string;
  gender: "masculine" | "feminine";
}

const own: Record<string, Pick<Noun, "one" | "many">> = {
  en: { one: "endpoint", many: "endpoints" },
  es: { one: "destino", many: "destinos" },
  pt: { one: "destino", many: "destinos" },
};

// Feminine forms that do not only have an a for an o.
const feminine: Record<string, Record<string, string>> = {
  es: {
    el: "la",
    un: "una",
    del: "de la",
    al: "a la",
    este: "esta",
    ese: "esa",
    ningún: "ninguna",
  },
  pt: {
    um: "uma",
    num: "numa",
    ao: "à",
    aos: "às",
    este: "esta",
    deste: "desta",
    neste: "nesta",
    estes: "estas",
    destes: "destas",
    esse: "essa",
    nenhum: "nenhuma",
    algum: "alguma",
    ele: "ela",
    eles: "elas",
    deles: "delas",
    dele: "dela",
    seu: "sua",
    seus: "suas",
  },
};

const mark = /‹([^›]*)›/g;
const words = /\p{L}[\p{L}\p{M}]*/gu;
const capital = (word: string) => word.charAt(0).toUpperCase() + word.slice(1);

function agree(word: string, language: string): string {
  const small = word.toLowerCase();
  const form = feminine[language]?.[small] ?? small.replace(/o(s?)$/, "a$1");
  if (form === small) return word;
  return word === small ? form : capital(form);
}

/** A text in which the noun stands for the product's own word; without one only the marks are taken away. */
export function said(text: string, language: string, noun?: Noun): string {
  return text.replace(mark, (_, phrase: string) => {
    const word = own[language];
    if (!noun || !word) return phrase;
    const named = phrase.replace(words, (w) => {
      const small = w.toLowerCase();
      if (small !== word.one && small !== word.many)
        return noun.gender === "feminine" && language !== "en" ? agree(w, language) : w;
      const name = small === word.one ? noun.one : noun.many;
      return w === small ? name : capital(name);
    });
    // In English only the article depends on the noun, if it stands right before it.
    if (language !== "en" || !/^an endpoint/i.test(phrase) || /^[aeiou]/i.test(noun.one)) return named;
    return named.replace(/^(a)n/i, "$1");
  });
}

// A person's own text may have the marks; it is not for us to change.
const hidden = (text: string) => text.replace(/‹/g, "\uE000").replace(/›/g, "\uE001");
const shown = (text: string) => text.replace(/\uE000/g, "‹").replace(/\uE001/g, "›");

/** A catalogue in which the noun stands for the product's own word. */
export function speak<T extends { code: string }>(texts: T, noun?: Noun): T {
  const walk = (value: unknown): unknown => {
    if (typeof value === "string") return said(value, texts.code, noun);
    if (typeof value === "function")
      return (...given: unknown[]) => {
        const text = value(...given.map((x) => (typeof x === "string" ? hidden(x) : x)));
        return typeof text === "string" ? shown(said(text, texts.code, noun)) : text;
      };
    if (Array.isArray(value)) return value.map(walk);
    if (value && typeof value === "object")
      return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, walk(inner)]));
    return value;
  };
  return walk(texts) as T;
}

/** The noun that all of these share: undefined if one has another, or none. */
export function shared(nouns: (Noun | undefined)[]): Noun | undefined {
  const [first, ...others] = nouns;
  if (!first) return undefined;
  const same = (n?: Noun) => n?.one === first.one && n.many === first.many && n.gender === first.gender;
  return others.every(same) ? first : undefined;
}
