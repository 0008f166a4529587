/** The path that the console is served at, with a slash at its end: `/console/`, or `/ui/` where nothing else is there. */
export const base = new URL(document.baseURI).pathname;

declare global {
  interface Window {
    __grafana_public_path__?: string;
  }
}

// @grafana/ui reads this when it asks for the first icon or font.
window.__grafana_public_path__ = `${base}public/`;
