// The viewer of the server's own API, at /docs/api. A page of its own, so that no other page loads it.
import SwaggerUI from "swagger-ui-dist/swagger-ui-es-bundle";
import "swagger-ui-dist/swagger-ui.css";
import "./api-viewer.css";
import { base } from "./base";

SwaggerUI({
  dom_id: "#api",
  url: `${base}/openapi.json`,
  deepLinking: true,
  docExpansion: "list",
  filter: true,
  validatorUrl: null, // otherwise it asks a server on the internet
  persistAuthorization: false,
  defaultModelsExpandDepth: -1,
});
