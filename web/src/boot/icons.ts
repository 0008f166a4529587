import { cacheStore } from 'react-inlinesvg';
import { base } from './base';

/** The icons that every dashboard has: together with the code, instead of a request for each. */
const usual: Record<string, string> = import.meta.glob(
  '../../node_modules/@grafana/ui/dist/public/img/icons/unicons/{adjust-circle,angle-down,angle-right,angle-up,angle-double-right,apps,bars,clock-nine,ellipsis-v,exclamation-triangle,external-link-alt,filter,info-circle,layer-group,link,monitor,search-minus,sync,times,check}.svg',
  { query: '?raw', import: 'default', eager: true },
);

/** Puts them where `Icon` of @grafana/ui looks first. */
export function keepIcons(): void {
  for (const [path, content] of Object.entries(usual)) {
    const name = path.slice(path.lastIndexOf('/') + 1);
    cacheStore.set(`${base}public/build/img/icons/unicons/${name}`, { content, status: 'loaded' });
  }
}
