// LogsQL as text: its tokens, how to quote, and how to add a condition to a query. No requests, no elements.

export const PIPES = ("block_stats blocks_count collapse_nums copy decolorize delete drop_empty_fields extract extract_regexp facets field_names field_values fields "
  + "filter first format hash join json_array_len last len limit math offset pack_json pack_logfmt rename replace replace_regexp running_stats sample sort stats "
  + "stream_context top total_stats union uniq unpack_json unpack_logfmt unpack_syslog unpack_words unroll").split(" ");
const PIPE_ALIASES = "cp del rm drop eval keep where mv skip head order by".split(" ");
export const STATS = ("avg count count_empty count_uniq count_uniq_hash histogram json_values max median min quantile rate rate_sum row_any row_max row_min sum sum_len uniq_values values").split(" ");
export const FILTERS = "contains_all contains_any eq_field exact i in ipv4_range le_field len_range lt_field range re seq string_range value_type".split(" ");
const WORDS_OF_PIPES = "by as if desc asc limit offset partition rank hits from at on inner prefix before after with default keep_original_fields skip_empty_results".split(" ");

const PIPE_SET = new Set([...PIPES, ...PIPE_ALIASES]);
const FUNCTION_SET = new Set([...STATS, ...FILTERS]);
const RESERVED = new Set([...PIPE_SET, ...STATS, "and", "or", "not"]);
const WORD_SET = new Set(WORDS_OF_PIPES);
const WORD = /[\p{L}\p{N}_.\-/]/u;

/** Tokens that cover the text without gaps: {kind, text, start, end}; kinds: space comment string stream word field pipe function keyword number op. */
export function tokens(text) {
  const found = [];
  let i = 0;
  let afterBar = false;
  let piped = false;
  const push = (kind, end) => {
    found.push({ kind, text: text.slice(i, end), start: i, end });
    if (kind !== "space" && kind !== "comment") afterBar = false;
    i = end;
  };
  while (i < text.length) {
    const c = text[i];
    if (/\s/.test(c)) push("space", i + text.slice(i).match(/^\s+/)[0].length);
    else if (c === "#") push("comment", (text.indexOf("\n", i) + 1 || text.length + 1) - 1);
    else if (c === '"' || c === "'" || c === "`") push("string", endOfString(text, i));
    else if (c === "{") push("stream", endOfStream(text, i));
    else if (c === "|") {
      push("op", i + 1);
      afterBar = piped = true;
    } else if (WORD.test(c) && !(c === "-" && !afterBar && /^-[\p{L}_("{]/u.test(text.slice(i)))) {
      let end = i + 1;
      while (end < text.length && WORD.test(text[end])) end += 1;
      const word = text.slice(i, end);
      const next = text.slice(end).trimStart()[0];
      const low = word.toLowerCase();
      if (afterBar && PIPE_SET.has(low)) push("pipe", end);
      else if (text[end] === ":" && !piped && !/^\d/.test(word)) push("field", end);
      else if (["and", "or", "not"].includes(low)) push("keyword", end);
      else if (next === "(" && FUNCTION_SET.has(low)) push("function", end);
      else if (piped && WORD_SET.has(low)) push("keyword", end);
      else if (text[end] === ":" && !/^\d/.test(word)) push("field", end);
      else if (/^-?\d[\d._T-]*(ns|µs|us|ms|[smhdwy]|[KMGT]i?B?)?$/i.test(word)) push("number", end);
      else push("word", end);
    } else push("op", i + 1);
  }
  return found;
}

function endOfString(text, start) {
  const quote = text[start];
  for (let i = start + 1; i < text.length; i += 1) {
    if (text[i] === "\\" && quote !== "`") i += 1;
    else if (text[i] === quote) return i + 1;
  }
  return text.length;
}

function endOfStream(text, start) {
  for (let i = start + 1; i < text.length; i += 1) {
    if (text[i] === "}") return i + 1;
    if (text[i] === "|" || text[i] === "\n") return i;
    if (text[i] === '"' || text[i] === "'" || text[i] === "`") i = endOfString(text, i) - 1;
  }
  return text.length;
}

const bare = (text) => /^[\p{L}\p{N}_][\p{L}\p{N}_.]*$/u.test(text) && !RESERVED.has(text.toLowerCase());

/** A field name or value as it must stand in a query. */
export const quote = (text) => (bare(text) ? text : JSON.stringify(text));

/** The filter for rows whose field has exactly this value. A stream's value is a filter already. */
export function equals(field, value) {
  if (field === "_stream" && value.startsWith("{")) return value;
  if (value === "") return `${quote(field)}:""`;
  return `${quote(field)}:=${quote(value)}`;
}

/** Where the filter ends and the pipes begin, and whether there is an `or` outside of parentheses. */
function split(query) {
  let depth = 0;
  let either = false;
  for (const token of tokens(query)) {
    if (token.kind === "op" && "([".includes(token.text)) depth += 1;
    else if (token.kind === "op" && ")]".includes(token.text)) depth -= 1;
    else if (depth === 0 && token.kind === "keyword" && token.text.toLowerCase() === "or") either = true;
    else if (depth === 0 && token.kind === "op" && token.text === "|") return { filter: query.slice(0, token.start), pipes: query.slice(token.start), either };
  }
  return { filter: query, pipes: "", either };
}

const join = (filter, pipes) => (pipes ? `${filter} ${pipes}` : filter);

/** Places (start) where `part` stands in the filter as a condition of its own. */
function places(filter, part) {
  const found = [];
  for (let at = filter.indexOf(part); at >= 0; at = filter.indexOf(part, at + 1)) {
    const [before, after] = [filter[at - 1] ?? " ", filter[at + part.length] ?? " "];
    if (/[\s(]/.test(before) && /[\s)]/.test(after)) found.push(at);
  }
  return found;
}

/** Is the condition in the query? "with", "without" or null. */
export function state(query, part) {
  const { filter, either } = split(query);
  if (either) return null;
  return places(filter, `-${part}`).length > 0 ? "without" : places(filter, part).length > 0 ? "with" : null;
}

/** The query without a condition, however it stands there. */
export function drop(query, part) {
  let { filter, pipes } = split(query);
  for (const form of [`-${part}`, part])
    for (const at of places(filter, form).reverse()) filter = `${filter.slice(0, at).trimEnd()} ${filter.slice(at + form.length).trimStart()}`;
  filter = filter.trim().replace(/^and\s+|\s+and$/gi, "");
  return join(filter || "*", pipes);
}

/** The query with one more condition; `without` turns it round. Its opposite goes. */
export function add(query, part, without = false) {
  const rest = drop(query, part);
  const { filter, pipes, either } = split(rest);
  const wanted = without ? `-${part}` : part;
  const now = filter.trim();
  if (now === "" || now === "*") return join(without ? `* ${wanted}` : wanted, pipes);
  return join(`${either ? `(${now})` : now} ${wanted}`, pipes);
}

/** Names of the pipes outside of parentheses. */
export function pipesOf(query) {
  const found = [];
  let depth = 0;
  let bar = false;
  for (const { kind, text } of tokens(query)) {
    if (kind === "space" || kind === "comment") continue;
    if (depth === 0 && bar) found.push(text.toLowerCase());
    bar = kind === "op" && text === "|";
    if (kind === "op" && "([".includes(text)) depth += 1;
    if (kind === "op" && ")]".includes(text)) depth -= 1;
  }
  return found;
}

/** The query's filter alone. */
export const filterOf = (query) => split(query).filter.trim() || "*";

/** What is searched for in the message, to be marked there: words and phrases without a field, not negated. */
export function searched(query) {
  const list = tokens(filterOf(query)).filter(({ kind }) => kind !== "space" && kind !== "comment");
  const found = [];
  list.forEach(({ kind, text }, i) => {
    const before = list[i - 1];
    const inField = before && (before.text === ":" ? list[i - 2]?.text !== "_msg" : ["=", "~", "<", ">"].includes(before.text));
    const negated = before && (before.text === "-" || before.text === "!" || before.text.toLowerCase() === "not");
    if (inField || negated) return;
    if (kind === "word" && text !== "-") found.push(text);
    if (kind === "string" && text.length > 2 && list[i + 1]?.text !== ":") found.push(unquote(text));
  });
  return found.filter((word) => word.length > 1).slice(0, 20);
}

function unquote(text) {
  if (text.startsWith('"')) {
    try {
      return JSON.parse(text);
    } catch {
      // Escapes that JSON doesn't know.
    }
  }
  return text.slice(1, text.at(-1) === text[0] && text.length > 1 ? -1 : undefined);
}
