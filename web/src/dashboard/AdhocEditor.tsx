import { css } from '@emotion/css';
import { Button, Combobox, IconButton, Tag } from '@grafana/ui';
import { useState } from 'react';
import { useConfig } from '../app/config';
import { kindOf, resolveDataSource } from '../data/datasources';
import { queryOptions } from '../variables/queryOptions';
import type { AdhocFilter, Variable } from '../variables/types';
import { useDashboard } from './context';

const operators = ['=', '!=', '=~', '!~'].map((value) => ({ value, label: value }));

/** Filters that are added to all queries: those that are there, and a form for one more. */
export function AdhocEditor({ variable }: { variable: Variable }) {
  const { setFilters, scope } = useDashboard();
  const { datasources } = useConfig();
  const [draft, setDraft] = useState<AdhocFilter>();
  const { filters, name, model } = variable;

  const ask = async (query: unknown) => {
    const found = await queryOptions({ ...model, type: 'query', query }, datasources, scope);
    return found.map(({ value, text }) => ({ value, label: text }));
  };
  const isLogs = kindOf(resolveDataSource(model.datasource, datasources, scope)?.type) === 'logs';
  const keys = async (typed: string) => {
    const all = await ask(isLogs ? { type: 'fieldName', query: '*' } : 'label_names()');
    return all.filter((each) => each.label.includes(typed));
  };
  const values = async (typed: string) => {
    const query = isLogs
      ? { type: 'fieldValue', field: draft!.key, query: '*', limit: 200 }
      : `label_values(${draft!.key})`;
    return (await ask(query)).filter((each) => each.label.includes(typed));
  };
  const add = (value: string) => {
    setFilters(name, [...filters, { ...draft!, value }]);
    setDraft(undefined);
  };
  return (
    <div className={row}>
      {filters.map((filter, i) => (
        <span key={i} className={row}>
          <Tag name={`${filter.key} ${filter.operator} ${filter.value}`} colorIndex={9} />
          <IconButton
            name="times"
            aria-label={`Remove ${filter.key}`}
            onClick={() =>
              setFilters(
                name,
                filters.filter((_, k) => k !== i),
              )
            }
          />
        </span>
      ))}
      {!draft && (
        <Button
          size="sm"
          variant="secondary"
          icon="filter"
          aria-label="Add a filter"
          onClick={() => setDraft({ key: '', operator: '=', value: '' })}
        />
      )}
      {draft && (
        <>
          <Combobox
            aria-label="Label"
            placeholder="Label"
            width={18}
            options={keys}
            value={draft.key || null}
            createCustomValue
            onChange={({ value }) => setDraft({ ...draft, key: value })}
          />
          <Combobox
            aria-label="Operator"
            width={8}
            options={operators}
            value={draft.operator}
            onChange={({ value }) => setDraft({ ...draft, operator: value })}
          />
          {draft.key && (
            <Combobox
              key={draft.key}
              aria-label="Value"
              placeholder="Value"
              width={20}
              options={values}
              value={null}
              createCustomValue
              onChange={({ value }) => add(value)}
            />
          )}
        </>
      )}
    </div>
  );
}

const row = css({ display: 'inline-flex', alignItems: 'center', gap: 4, flexWrap: 'wrap' });
