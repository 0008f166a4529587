/** What PromQL and MetricsQL know. */
export const functions = (
  'abs absent absent_over_time aggr_over_time any ascent_over_time avg avg_over_time bitmap_and bottomk bottomk_avg ceil ' +
  'changes clamp clamp_max clamp_min count count_eq_over_time count_gt_over_time count_over_time count_values day_of_month ' +
  'day_of_week days_in_month decreases_over_time delta deriv descent_over_time distinct distinct_over_time exp first_over_time ' +
  'floor geomean group histogram histogram_avg histogram_over_time histogram_quantile histogram_quantiles histogram_share ' +
  'hoeffding_bound_lower hoeffding_bound_upper holt_winters hour idelta increase increase_pure increases_over_time ' +
  'integrate interpolate irate keep_last_value keep_next_value label_copy label_del label_join label_keep label_lowercase ' +
  'label_map label_match label_mismatch label_move label_replace label_set label_transform label_uppercase label_value lag ' +
  'last_over_time lifetime limitk limit_offset ln log10 log2 mad max max_over_time median median_over_time min min_over_time ' +
  'minute mode mode_over_time month now outliers_iqr outliersk pi predict_linear prometheus_buckets quantile quantile_over_time ' +
  'quantiles quantiles_over_time rand range_avg range_first range_last range_linear_regression range_max range_median range_min ' +
  'range_over_time range_quantile range_stddev range_sum rate rate_over_sum remove_resets resets rollup rollup_delta ' +
  'rollup_increase rollup_rate round running_avg running_max running_min running_sum scalar scrape_interval sgn share ' +
  'share_gt_over_time share_le_over_time sort sort_by_label sort_by_label_desc sort_desc sqrt start stddev stddev_over_time ' +
  'stdvar step sum sum2 sum_over_time time timestamp timezone_offset tmax_over_time tmin_over_time topk topk_avg topk_max ' +
  'topk_min union vector year zscore zscore_over_time'
).split(' ');

const keywords =
  'and bool by default group_left group_right if ifnot ignoring keep_metric_names limit offset on or unless without'.split(
    ' ',
  );

export type Place =
  | { kind: 'name'; word: string; start: number }
  | { kind: 'label'; word: string; start: number; metric?: string }
  | { kind: 'value'; word: string; start: number; label: string; metric?: string };

export interface Suggestion {
  text: string;
  note: 'function' | 'keyword' | 'metric' | 'label' | 'value';
}

/** What is being typed at `caret`; nothing where nothing can be completed. */
export function placeAt(text: string, caret: number): Place | undefined {
  const before = text.slice(0, caret);
  let quote: { char: string; at: number } | undefined;
  let brace = -1;
  for (let i = 0; i < before.length; i++) {
    const char = before[i]!;
    if (quote) {
      if (char === '\\') i++;
      else if (char === quote.char) quote = undefined;
    } else if (char === '"' || char === "'" || char === '`') quote = { char, at: i };
    else if (char === '{') brace = i;
    else if (char === '}') brace = -1;
  }
  const metric = brace >= 0 ? /[a-zA-Z_:][\w:]*$/.exec(before.slice(0, brace))?.[0] : undefined;
  if (quote) {
    const label = brace >= 0 && /([a-zA-Z_]\w*)\s*(?:=~|!~|!=|=)\s*$/.exec(before.slice(0, quote.at))?.[1];
    return label ? { kind: 'value', label, metric, word: before.slice(quote.at + 1), start: quote.at + 1 } : undefined;
  }
  const word = /[a-zA-Z_:][\w:]*$/.exec(before)?.[0] ?? '';
  const start = caret - word.length;
  if (brace >= 0) return { kind: 'label', metric, word, start };
  if (/\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^()]*$/.test(before))
    return { kind: 'label', word, start };
  return word.length >= 2 ? { kind: 'name', word, start } : undefined;
}

/** Those that have the word in them, the ones that begin with it first. */
export function ranked(all: Suggestion[], word: string, most = 50): Suggestion[] {
  const low = word.toLowerCase();
  const score = ({ text }: Suggestion) => {
    const at = text.toLowerCase().indexOf(low);
    if (at < 0) return undefined;
    return at === 0 ? 0 : /[_:]/.test(text[at - 1]!) ? 1 : 2;
  };
  return all
    .map((each) => ({ each, score: score(each) }))
    .filter((item): item is { each: Suggestion; score: number } => item.score !== undefined && item.each.text !== word)
    .sort(
      (a, b) => a.score - b.score || a.each.text.length - b.each.text.length || (a.each.text < b.each.text ? -1 : 1),
    )
    .slice(0, most)
    .map(({ each }) => each);
}

/** What stands for a place when it needs no server. */
export const builtIn: Suggestion[] = [
  ...functions.map((text): Suggestion => ({ text, note: 'function' })),
  ...keywords.map((text): Suggestion => ({ text, note: 'keyword' })),
];

/** The text with the suggestion taken, and where the caret is then. */
export function taken(
  text: string,
  caret: number,
  place: Place,
  { text: word, note }: Suggestion,
): { text: string; caret: number } {
  const rest = text.slice(caret);
  const more = (place.kind === 'value' ? /^[^"'`,{}]*/ : /^[\w:]*/).exec(rest)![0];
  const after = rest.slice(more.length);
  const bracket = note === 'function' && !/^\s*\(/.test(after) ? '(' : '';
  const head = text.slice(0, place.start) + word + bracket;
  return { text: head + after, caret: head.length };
}
