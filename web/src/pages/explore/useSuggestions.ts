import { useEffect, useRef, useState } from 'react';
import { getJson } from '../../data/http';
import { builtIn, type Place, placeAt, ranked, type Suggestion } from './completion';

const fresh = 60_000;
const known = new Map<string, { at: number; list: Promise<string[]> }>();

/** Names or values that the store has, asked for once a minute. */
function names(url: string): Promise<string[]> {
  const seen = known.get(url);
  if (seen && Date.now() - seen.at < fresh) return seen.list;
  const list = getJson<{ data?: string[] }>(url).then(({ data }) => data ?? []);
  known.set(url, { at: Date.now(), list });
  list.catch(() => known.delete(url));
  return list;
}

async function candidates(place: Place, url: string): Promise<Suggestion[]> {
  const api = `${url}/api/v1`;
  if (place.kind === 'name') {
    const metrics = await names(`${api}/label/__name__/values?limit=20000`);
    return [...metrics.map((text): Suggestion => ({ text, note: 'metric' })), ...builtIn];
  }
  const of = place.metric ? `&match[]=${encodeURIComponent(place.metric)}` : '';
  if (place.kind === 'value') {
    const values = await names(`${api}/label/${encodeURIComponent(place.label)}/values?limit=5000${of}`);
    return values.map((text) => ({ text, note: 'value' }));
  }
  const labels = await names(`${api}/labels?limit=5000${of}`);
  return labels.filter((text) => text !== '__name__').map((text) => ({ text, note: 'label' }));
}

export interface Offer {
  place: Place;
  list: Suggestion[];
}

/** What could be meant at the caret (null: nobody is typing). Without an answer of the store, what is built in. */
export function useSuggestions(text: string, caret: number | null, url: string): Offer | undefined {
  const [offer, setOffer] = useState<Offer>();
  const turn = useRef(0);
  useEffect(() => {
    const mine = ++turn.current;
    const place = caret === null ? undefined : placeAt(text, caret);
    if (!place) {
      setOffer(undefined);
      return;
    }
    const show = (all: Suggestion[]) => {
      if (mine !== turn.current) return;
      const list = ranked(all, place.word);
      setOffer(list.length ? { place, list } : undefined);
    };
    candidates(place, url).then(show, () => show(place.kind === 'name' ? builtIn : []));
  }, [text, caret, url]);
  return offer;
}
