// How the pages look: Mantine's components, our colours, dense but calm.
import {
  Alert,
  Badge,
  Button,
  type CSSVariablesResolver,
  createTheme,
  luminance,
  type MantineColorsTuple,
  Notification,
  Paper,
  Table,
  Tooltip,
} from "@mantine/core";

const teal: MantineColorsTuple = [
  "#eaf7f3",
  "#d5ece5",
  "#a8d8ca",
  "#77c3ad",
  "#50b195",
  "#38a686",
  "#2aa17e",
  "#1b8c6c",
  "#0c6b58",
  "#075445",
];

/** A colour with a part of another, which is white (255) or black (0). */
function mixed(hex: string, other: number, part: number): string {
  const channels = [1, 3, 5].map((i) => {
    const c = Number.parseInt(hex.slice(i, i + 2), 16);
    return Math.round(c + (other - c) * part)
      .toString(16)
      .padStart(2, "0");
  });
  return `#${channels.join("")}`;
}

/** Ten shades of one colour, for a portal that is to look like the product around it. */
function shades(hex: string): MantineColorsTuple {
  const light = (part: number) => mixed(hex, 255, part);
  return [
    light(0.92),
    light(0.84),
    light(0.66),
    light(0.48),
    light(0.32),
    light(0.18),
    light(0.1),
    light(0.04),
    hex,
    mixed(hex, 0, 0.22),
  ];
}

// Words need a contrast of 4.5 (WCAG AA); the rest is for backgrounds with a tint.
const contrast = 5.6;

/** The colour itself if words in it can be read on the background, else the nearest that can, towards white or black. */
function readable(hex: string, background: string): string {
  const behind = luminance(background);
  const other = behind < 0.5 ? 255 : 0;
  for (let part = 0; part < 1; part += 0.04) {
    const color = mixed(hex, other, part);
    const [low = 0, high = 0] = [luminance(color), behind].sort((a, b) => a - b);
    if ((high + 0.05) / (low + 0.05) >= contrast) return color;
  }
  return other === 255 ? "#ffffff" : "#000000";
}

export const makeTheme = (accent?: string) =>
  createTheme({
    colors: { accent: accent && /^#[0-9a-f]{6}$/i.test(accent) ? shades(accent) : teal },
    primaryColor: "accent",
    primaryShade: 8,
    autoContrast: true,
    luminanceThreshold: 0.36,
    defaultRadius: "md",
    fontFamily: "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif",
    fontFamilyMonospace: "ui-monospace, SFMono-Regular, Menlo, Consolas, 'Liberation Mono', monospace",
    headings: {
      fontWeight: "620",
      sizes: {
        h1: { fontSize: "1.5rem", lineHeight: "1.3" },
        h2: { fontSize: "1.125rem", lineHeight: "1.4" },
        h3: { fontSize: "1rem", lineHeight: "1.5" },
      },
    },
    cursorType: "pointer",
    respectReducedMotion: true,
    components: {
      Alert: Alert.extend({ styles: { title: { color: "var(--mantine-color-text)" } } }), // the colours are too pale for words
      Button: Button.extend({ defaultProps: { size: "sm" } }),
      Badge: Badge.extend({
        defaultProps: { variant: "light", radius: "sm" },
        styles: { label: { textTransform: "none", fontWeight: 550, letterSpacing: 0 } },
      }),
      Notification: Notification.extend({ defaultProps: { withCloseButton: false } }), // they go by themselves
      Paper: Paper.extend({ defaultProps: { withBorder: true, radius: "md" } }),
      Table: Table.extend({ defaultProps: { verticalSpacing: "xs", highlightOnHover: true } }),
      Tooltip: Tooltip.extend({
        defaultProps: { openDelay: 300, withArrow: true, events: { hover: true, focus: true, touch: true } },
      }),
    },
  });

/** Words in the accent, and the tint behind some of them: links, the page one is at in the menu, pale buttons. */
const inAccent = (color: string) => ({
  "--mantine-color-anchor": color,
  "--mantine-color-accent-light-color": color,
  "--mantine-color-accent-light": `color-mix(in srgb, ${color} 10%, transparent)`,
  "--mantine-color-accent-light-hover": `color-mix(in srgb, ${color} 14%, transparent)`,
});

// Dimmed text of Mantine's own is too pale for small letters (WCAG AA).
export const cssVariables: CSSVariablesResolver = ({ colors: { accent = teal } }) => ({
  variables: {},
  light: {
    ...inAccent(readable(accent[8], "#ffffff")),
    "--mantine-color-dimmed": "#596169",
    "--mantine-color-body": "#ffffff",
    "--page": "#f7f8f9",
    "--mantine-color-placeholder": "#6b737b",
    "--mantine-color-error": "#c92a2a",
  },
  dark: {
    ...inAccent(readable(accent[4], "#1b1e22")),
    "--mantine-color-dimmed": "#a4acb4",
    "--mantine-color-body": "#1b1e22",
    "--page": "#141619",
    "--mantine-color-text": "#dfe3e7",
    "--mantine-color-placeholder": "#8d959d",
    "--mantine-color-error": "#ff8787",
  },
});
