import { fileURLToPath } from 'node:url';
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';
import { assets } from './vite/assets';
import { stubs } from './vite/stubs';

// Development: `STADDLE_PORTAL=http://127.0.0.1:8080 npm run dev` passes requests for data on to a running stack.
const portal = process.env.STADDLE_PORTAL ?? 'http://127.0.0.1:8080';
const passed = ['/console/api', '/vmetrics', '/vlogs', '/vtraces', '/vmalert', '/alertmgr'];

export default defineConfig(({ command }) => ({
  base: command === 'build' ? './' : '/console/',
  plugins: [stubs(), react(), assets()],
  define: { global: 'globalThis' },
  server: { proxy: Object.fromEntries(passed.map((path) => [path, { target: portal, changeOrigin: true }])) },
  build: {
    outDir: process.env.STADDLE_CONSOLE_ASSETS ?? '../src/staddle/console/assets',
    emptyOutDir: true,
    target: 'es2022',
    chunkSizeWarningLimit: 3000,
    reportCompressedSize: false,
    // No code in index.html: the content security policy allows none.
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    // The second page is within /pev: see src/pages/pev/visualizer.ts.
    rollupOptions: { input: ['index.html', 'pev.html'] },
  },
  test: {
    include: ['test/**/*.test.ts'],
    environment: 'node',
    // Node can't read their modules, which import CommonJS by name.
    alias: { '@grafana/data': fileURLToPath(new URL('node_modules/@grafana/data/dist/cjs/index.cjs', import.meta.url)) },
  },
}));
