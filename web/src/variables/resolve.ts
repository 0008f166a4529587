import type { DataSource } from '../app/config';
import { kindOf } from '../data/datasources';
import { isAbort } from '../data/http';
import { autoInterval } from '../data/intervals';
import { format } from './formats';
import { interpolate, references, type Scope } from './interpolate';
import { arrange, customOptions, plainOptions } from './options';
import { queryOptions, queryText } from './queryOptions';
import { type AdhocFilter, ALL, type Option, type Variable, type VariableModel, type Variables } from './types';

/** Answers of before, so that choosing one variable doesn't ask for all others again. */
export type Cache = Map<string, Promise<Option[]>>;

export interface Sources {
  datasources: DataSource[];
  cache: Cache;
  signal?: AbortSignal;
}

/** Kinds whose value may be anything. */
const free = new Set(['textbox', 'constant', 'adhoc', 'system']);

const texts = (value: unknown): string[] =>
  (Array.isArray(value) ? value : [value])
    .filter((each) => each !== undefined && each !== null && each !== '')
    .map(String);

function parseFilter(text: string): AdhocFilter | undefined {
  const [key, operator, value] = text.split('|').map((part) => part.replace(/__gfp__/g, '|').replace(/__gfc__.*$/, ''));
  return key && operator && value !== undefined ? { key, operator, value } : undefined;
}

/** What the variable has in the URL; nothing if the URL doesn't say. */
function fromUrl(model: VariableModel, params: URLSearchParams): string[] | undefined {
  const key = `var-${model.name}`;
  if (!params.has(key) || model.skipUrlSync) return undefined;
  const values = params.getAll(key);
  const all = values.filter((value) => value === 'All' || value === ALL);
  if (model.includeAll && all.length) return [ALL];
  return values.filter((value) => value !== '' || free.has(model.type));
}

/** The pattern for what can be chosen; values in it stand for themselves. */
const patternOf = (model: VariableModel, scope: Scope): string | undefined =>
  model.regex && interpolate(model.regex, scope, undefined, (values, { name }) => format(values, name, 'regex'));

async function optionsOf(model: VariableModel, scope: Scope, sources: Sources): Promise<Option[]> {
  const text = queryText(model);
  switch (model.type) {
    case 'query': {
      const range = model.refresh === 2 ? `${Math.round(scope.range.from.valueOf() / 60_000)}` : '';
      const asked = typeof model.query === 'object' ? JSON.stringify(model.query) : text;
      const source = typeof model.datasource === 'object' ? JSON.stringify(model.datasource) : model.datasource;
      const key = [model.name, interpolate(`${source}`, scope), interpolate(asked, scope), range].join('\n');
      let pending = sources.cache.get(key);
      if (!pending) {
        // Not to be aborted: the answer is of use to whoever comes next.
        pending = queryOptions(model, sources.datasources, scope);
        sources.cache.set(key, pending);
        pending.catch(() => sources.cache.delete(key));
      }
      return arrange(await pending, { ...model, regex: patternOf(model, scope) });
    }
    case 'custom':
      return customOptions(interpolate(text, scope));
    case 'interval': {
      const options = customOptions(text);
      if (!model.auto) return options;
      return [{ text: 'auto', value: `$__auto_interval_${model.name}` }, ...options];
    }
    case 'datasource': {
      const matching = sources.datasources.filter(
        (each) => each.type === text || (kindOf(text) !== 'unknown' && kindOf(each.type) === kindOf(text)),
      );
      const named = matching.map((each) => ({ text: each.name, value: each.uid }));
      const kept = arrange(named, { ...model, regex: patternOf(model, scope), sort: 0 });
      // A pattern for the names of somewhere else leaves nothing; one that says which by what was chosen must not be passed over.
      return kept.length || references(model.regex ?? '').size ? kept : named;
    }
    case 'textbox':
    case 'constant':
      return plainOptions([interpolate(text || texts(model.current?.value)[0] || '', scope)]);
    default:
      return [];
  }
}

/** What is chosen: what the URL says, else what the dashboard was stored with, as far as it can be chosen; else the first. */
function choose(model: VariableModel, options: Option[], asked: string[] | undefined): string[] {
  const stored = texts(model.current?.value);
  const wanted = asked ?? stored;
  if (free.has(model.type)) return asked ?? (stored.length ? stored : options.map((each) => each.value)).slice(0, 1);
  if (model.includeAll && wanted.includes(ALL)) return [ALL];
  const known = new Map(
    options.flatMap((each) => [[each.text, each.value] as const, [each.value, each.value] as const]),
  );
  let valid = wanted.map((value) => known.get(value)).filter((value) => value !== undefined);
  if (!valid.length && asked && model.type === 'custom' && model.allowCustomValue) valid = asked;
  if (model.multi && asked && !asked.length && !model.includeAll) return [];
  if (valid.length) return model.multi ? [...new Set(valid)] : valid.slice(0, 1);
  if (model.includeAll) return [ALL];
  return options.slice(0, 1).map((each) => each.value);
}

async function resolveOne(
  model: VariableModel,
  params: URLSearchParams,
  scope: Scope,
  sources: Sources,
): Promise<Variable> {
  const asked = fromUrl(model, params);
  const variable: Variable = { model, name: model.name, options: [], value: [], filters: [] };
  if (model.type === 'adhoc') {
    const filters = asked?.map(parseFilter).filter((each) => each !== undefined);
    return { ...variable, filters: filters ?? model.filters ?? [] };
  }
  try {
    variable.options = await optionsOf(model, scope, sources);
  } catch (error) {
    if (isAbort(error)) throw error;
    variable.error = error instanceof Error ? error.message : String(error);
    // What can't be listed can still be asked for.
    variable.value = asked ?? texts(model.current?.value);
    return variable;
  }
  variable.value = choose(model, variable.options, asked);
  return variable;
}

/** An interval variable's "auto" is a duration that depends on the range. */
function withAuto(variable: Variable, scope: Scope): Variable {
  if (variable.model.type !== 'interval' || !variable.value[0]?.startsWith('$__auto_interval')) return variable;
  const auto = autoInterval(scope.range, variable.model.auto_count, variable.model.auto_min);
  return {
    ...variable,
    options: variable.options.map((each, i) => (i ? each : { text: 'auto', value: auto })),
    value: [auto],
  };
}

const dependencies = (model: VariableModel): Set<string> =>
  references(
    [
      JSON.stringify(model.query ?? ''),
      JSON.stringify(model.datasource ?? ''),
      model.regex ?? '',
      model.definition ?? '',
    ].join(' '),
  );

/**
 * Finds out for all variables what can be chosen and what is, those that others depend on first.
 *
 * Each is asked for as soon as what it depends on is known. An error of one is kept with it.
 */
export async function resolveVariables(
  models: VariableModel[],
  params: URLSearchParams,
  scope: Omit<Scope, 'variables'>,
  sources: Sources,
): Promise<Variables> {
  const names = new Set(models.map((model) => model.name));
  const pending = new Map<string, Promise<Variable>>();
  const done = new Map<string, Variable>();
  const byName = new Map(models.map((model) => [model.name, model]));

  const start = (model: VariableModel, path: string[]): Promise<Variable> => {
    const running = pending.get(model.name);
    if (running) return running;
    const needed = [...dependencies(model)].filter(
      (name) => names.has(name) && name !== model.name && !path.includes(name),
    );
    const promise = Promise.all(needed.map((name) => start(byName.get(name)!, [...path, model.name]))).then(
      async () => {
        const known: Scope = { ...scope, variables: done };
        const variable = withAuto(await resolveOne(model, params, known, sources), known);
        done.set(model.name, variable);
        return variable;
      },
    );
    pending.set(model.name, promise);
    return promise;
  };
  await Promise.all(models.map((model) => start(model, [])));
  return new Map(models.map((model) => [model.name, done.get(model.name)!]));
}
