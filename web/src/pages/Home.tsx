import { Navigate } from "@tanstack/react-router";
import { useVisitor } from "../session";

/** Where one lands: the tenant's pages for a tenant, all tenants for others. */
export function HomePage() {
  const visitor = useVisitor();
  if (visitor.tenant) return <Navigate to="/t/$tenant" params={{ tenant: visitor.tenant }} replace />;
  return <Navigate to="/tenants" replace />;
}
