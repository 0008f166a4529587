// Live tail: the store sends rows as they come; the connection is made anew when it ends.

const SECONDS = 120;
// Rows that are known again when they come a second time after a break.
const REMEMBERED = 1000;

export class Tail {
  /** `onrows(rows)`, newest last; `onstate(state, error)`: connecting, open, lost. */
  constructor(store, { onrows, onstate }) {
    Object.assign(this, { store, onrows, onstate, control: null, perSecond: new Map(), total: 0 });
  }

  get running() {
    return this.control !== null;
  }

  start(query) {
    this.stop();
    const mine = (this.control = new AbortController());
    this.perSecond.clear();
    this.total = 0;
    this.began = Date.now();
    this.loop(query, mine);
  }

  stop() {
    this.control?.abort();
    this.control = null;
  }

  async loop(query, mine) {
    // Somebody who begins to watch wants to see what just happened; after a break all that came in it.
    let history = "10s";
    let seen = [];
    for (let wait = 1; !mine.signal.aborted; wait = Math.min(30, wait * 2)) {
      if (wait > 1 || seen.length === 0) this.onstate("connecting");
      const known = new Set(seen.map((row) => JSON.stringify(row)));
      const began = Date.now();
      let last = began;
      try {
        await this.store.rows("tail", { query, start_offset: history, offset: "1s", refresh_interval: "1s" }, mine.signal, (rows) => {
          const fresh = known.size ? rows.filter((row) => !known.has(JSON.stringify(row))) : rows;
          last = Date.now();
          wait = 1;
          seen = [...seen, ...fresh].slice(-REMEMBERED);
          this.count(fresh);
          if (fresh.length > 0) this.onrows(fresh);
        }, () => this.onstate("open"));
      } catch (error) {
        if (mine.signal.aborted) return;
        // A query that can't be tailed won't get better.
        const hopeless = error.kind === "refused" && error.message !== "The answer broke off.";
        // Proxies end connections on which nothing comes for a while: no reason to worry anybody.
        if (hopeless || Date.now() - began < 5000) this.onstate("lost", error);
        if (hopeless) return this.stop();
      }
      await new Promise((resolve) => setTimeout(resolve, wait * 1000));
      history = `${Math.ceil((Date.now() - last) / 1000) + 3}s`;
    }
    return undefined;
  }

  count(rows) {
    const now = Math.floor(Date.now() / 1000);
    this.total += rows.length;
    for (const row of rows) {
      const at = Math.floor(Date.parse(row._time) / 1000);
      this.perSecond.set(at, (this.perSecond.get(at) ?? 0) + 1);
    }
    for (const second of this.perSecond.keys()) if (second < now - SECONDS) this.perSecond.delete(second);
  }

  /** Rows a second over the last seconds that are complete. */
  rate() {
    const now = Math.floor(Date.now() / 1000) - 2;
    const span = Math.max(1, Math.min(10, (Date.now() - this.began) / 1000 + 8));
    let sum = 0;
    for (let t = Math.ceil(now - span); t < now; t += 1) sum += this.perSecond.get(t) ?? 0;
    return sum / span;
  }
}
