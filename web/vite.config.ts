import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// `npm run dev` serves the pages with hot reload and hands the API's paths to a
// server on the usual port: make run, in another terminal.
const api = "http://127.0.0.1:8480";

export default defineConfig({
  plugins: [react()],
  base: "./", // files name each other relatively, so that they work below a path, too
  build: {
    target: "es2022",
    cssTarget: ["chrome123", "firefox120", "safari17.5"],
    sourcemap: false,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rollupOptions: { input: ["index.html", "docs-api.html"] }, // the console, and the viewer of the API
  },
  server: { fs: { allow: [".."] }, proxy: { "/v1": api, "/openapi.json": api } },
});
