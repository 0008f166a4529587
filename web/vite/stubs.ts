import type { Plugin } from 'vite';

/** Editors, maps and telemetry that @grafana/ui imports and that a viewer of dashboards never opens. */
const unused =
  /^(monaco-editor|@monaco-editor|slate|slate-react|slate-plain-serializer|ol(\/|$)|prismjs|@codemirror|@lezer|@uiw\/react-codemirror|@grafana\/faro)/;

/** Resolves them to an empty module. */
export function stubs(): Plugin {
  return {
    name: 'stubs',
    enforce: 'pre',
    resolveId: (id) => (unused.test(id) ? `\0stub:${id}` : undefined),
    load: (id) =>
      id.startsWith('\0stub:')
        ? {
            code: 'export default new Proxy(function () {}, { get: () => undefined });',
            syntheticNamedExports: 'default',
          }
        : undefined,
  };
}
