import "@mantine/core/styles.css";
import "@mantine/notifications/styles.css";
import "./styles.css";
import { MantineProvider } from "@mantine/core";
import { Notifications } from "@mantine/notifications";
import { QueryClientProvider } from "@tanstack/react-query";
import { StrictMode, useState } from "react";
import { createRoot } from "react-dom/client";
import { queryClient } from "./api/queries";
import { firstLanguage, SpeechProvider } from "./i18n";
import { enter, portal, type Visitor } from "./session";
import { App } from "./shell/App";
import { cssVariables, makeTheme } from "./theme";

function Root({ visitor, failed }: { visitor?: Visitor; failed?: unknown }) {
  const [theme] = useState(() => makeTheme(visitor?.accent));
  return (
    <StrictMode>
      <MantineProvider theme={theme} cssVariablesResolver={cssVariables} defaultColorScheme="auto">
        <SpeechProvider first={firstLanguage(visitor?.lang)}>
          <QueryClientProvider client={queryClient}>
            <Notifications position="bottom-right" autoClose={5000} />
            <App first={visitor} failed={failed} />
          </QueryClientProvider>
        </SpeechProvider>
      </MantineProvider>
    </StrictMode>
  );
}

const root = createRoot(document.getElementById("root") as HTMLElement);

async function start() {
  let visitor: Visitor | undefined;
  let failed: unknown;
  try {
    visitor = await enter();
  } catch (e) {
    failed = e;
  }
  root.render(<Root key={visitor?.name} visitor={visitor} failed={failed} />);
}

// A new link in the same window is a new visitor.
if (portal) addEventListener("hashchange", () => location.hash && location.reload());
void start();
