// How the pages look: Mantine's components, our colours, dense but calm.
import {
  Alert,
  Badge,
  Button,
  type CSSVariablesResolver,
  createTheme,
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

/** Ten shades of one colour, for a portal that is to look like the product around it. */
function shades(hex: string): MantineColorsTuple {
  const rgb = [1, 3, 5].map((i) => Number.parseInt(hex.slice(i, i + 2), 16));
  const mix = (other: number, part: number) =>
    `#${rgb
      .map((c) =>
        Math.round(c + (other - c) * part)
          .toString(16)
          .padStart(2, "0"),
      )
      .join("")}`;
  return [
    mix(255, 0.92),
    mix(255, 0.84),
    mix(255, 0.66),
    mix(255, 0.48),
    mix(255, 0.32),
    mix(255, 0.18),
    mix(255, 0.1),
    mix(255, 0.04),
    hex,
    mix(0, 0.22),
  ];
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

// Dimmed text of Mantine's own is too pale for small letters (WCAG AA).
export const cssVariables: CSSVariablesResolver = () => ({
  variables: {},
  light: {
    "--mantine-color-dimmed": "#596169",
    "--mantine-color-body": "#ffffff",
    "--page": "#f7f8f9",
    "--mantine-color-placeholder": "#6b737b",
    "--mantine-color-error": "#c92a2a",
  },
  dark: {
    "--mantine-color-dimmed": "#a4acb4",
    "--mantine-color-body": "#1b1e22",
    "--page": "#141619",
    "--mantine-color-text": "#dfe3e7",
    "--mantine-color-placeholder": "#8d959d",
    "--mantine-color-error": "#ff8787",
  },
});
