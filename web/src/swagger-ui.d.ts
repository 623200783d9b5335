declare module "swagger-ui-dist/swagger-ui-es-bundle" {
  /** Shows an OpenAPI document in an element; the package has no types of its own. */
  const show: (options: Record<string, unknown>) => unknown;
  export default show;
}
