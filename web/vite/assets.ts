import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import type { Plugin } from 'vite';

const modules = join(dirname(import.meta.dirname), 'node_modules');
const icons = join(modules, '@grafana/ui/dist/public/img/icons');
const mono = 'L0xTDF4xlVMF-BfR8bXMIhJHg45mwgGEFl0_3vrtSM1J-gEPT5Ese6hmHSh0mQ';

/** Where @grafana/ui asks for its icons and fonts, below `window.__grafana_public_path__`, and the files that answer. */
function files(): Map<string, string> {
  const found = new Map<string, string>();
  for (const entry of readdirSync(icons, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const file = join(entry.parentPath, entry.name);
    found.set(`public/build/img/icons/${relative(icons, file)}`, file);
  }
  // Some that its components ask for are not in the package.
  const own = join(import.meta.dirname, 'icons');
  for (const name of readdirSync(own)) found.set(`public/build/img/icons/unicons/${name}`, join(own, name));
  const inter = (weight: number, style = 'normal') =>
    join(modules, `@fontsource/inter/files/inter-latin-${weight}-${style}.woff2`);
  found.set('public/fonts/inter/Inter-Regular.woff2', inter(400));
  found.set('public/fonts/inter/Inter-Italic.woff2', inter(400, 'italic'));
  found.set('public/fonts/inter/Inter-Medium.woff2', inter(500));
  found.set('public/fonts/inter/Inter-MediumItalic.woff2', inter(500, 'italic'));
  found.set(
    `public/fonts/roboto/${mono}.woff2`,
    join(modules, '@fontsource/roboto-mono/files/roboto-mono-latin-400-normal.woff2'),
  );
  return found;
}

/** An icon that @grafana/ui asks for (the time picker's) and doesn't bring: the one that points the other way, turned. */
const leftIcon = 'public/build/img/icons/unicons/angle-double-left.svg';
const turned = () =>
  readFileSync(join(icons, 'unicons/angle-double-right.svg'), 'utf8').replace(
    '<path ',
    '<path transform="matrix(-1 0 0 1 24 0)" ',
  );

/** Adds the icons and fonts to what is built, and serves them during development. */
export function assets(): Plugin {
  return {
    name: 'assets',
    configureServer(server) {
      const all = files();
      server.middlewares.use((request, response, next) => {
        const path = (request.url ?? '').replace(/^\/console\/|\?.*$/g, '');
        const file = all.get(path);
        if (!file) return next();
        response.setHeader('Content-Type', file.endsWith('.svg') ? 'image/svg+xml' : 'font/woff2');
        response.end(readFileSync(file));
      });
    },
    generateBundle() {
      this.emitFile({ type: 'asset', fileName: leftIcon, source: turned() });
      for (const [fileName, file] of files()) this.emitFile({ type: 'asset', fileName, source: readFileSync(file) });
    },
  };
}
