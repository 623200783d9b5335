// The viewer of the server's own API, at /docs/api. A page of its own, so that no other page loads it.
import SwaggerUI from "swagger-ui-dist/swagger-ui-es-bundle";
import "swagger-ui-dist/swagger-ui.css";
import "./api-viewer.css";
import { base } from "./base";

const dark = matchMedia("(prefers-color-scheme: dark)");
const dress = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dress();
dark.addEventListener("change", dress);

SwaggerUI({
  dom_id: "#api",
  url: `${base}/openapi.json`,
  deepLinking: false, // it puts links into buttons, which screen readers cannot tell apart
  onComplete: () => document.getElementById("servers")?.setAttribute("aria-label", "Server"),
  docExpansion: "list",
  filter: true,
  validatorUrl: null, // otherwise it asks a server on the internet
  persistAuthorization: false,
  defaultModelsExpandDepth: -1,
});
