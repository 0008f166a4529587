import { css } from '@emotion/css';
import { Combobox, type ComboboxOption, Icon, InlineField, Input, MultiCombobox, Tooltip } from '@grafana/ui';
import { useState } from 'react';
import { ALL, type Variable } from '../variables/types';
import { AdhocEditor } from './AdhocEditor';
import { useDashboard } from './context';

const shownTypes = new Set(['query', 'custom', 'interval', 'datasource', 'textbox', 'adhoc']);

function choices({ model, options, value }: Variable): ComboboxOption<string>[] {
  const known = new Set(options.map((each) => each.value));
  const others = value.filter((each) => each !== ALL && !known.has(each)).map((each) => ({ label: each, value: each }));
  const all = model.includeAll ? [{ label: 'All', value: ALL }] : [];
  return [...all, ...options.map((each) => ({ label: each.text, value: each.value })), ...others];
}

/** What several chosen ones leave: "all" and others exclude each other, the later wins. */
export function afterChoice(before: string[], chosen: string[]): string[] {
  if (!chosen.includes(ALL)) return chosen;
  return before.includes(ALL) ? chosen.filter((each) => each !== ALL) : [ALL];
}

function TextBox({ variable }: { variable: Variable }) {
  const { setVariable } = useDashboard();
  const [text, setText] = useState(variable.value[0] ?? '');
  const done = () => text !== (variable.value[0] ?? '') && setVariable(variable.name, [text]);
  return (
    <Input
      aria-label={variable.model.label || variable.name}
      width={20}
      value={text}
      onChange={(event) => setText(event.currentTarget.value)}
      onBlur={done}
      onKeyDown={(event) => event.key === 'Enter' && done()}
    />
  );
}

function Control({ variable }: { variable: Variable }) {
  const { setVariable } = useDashboard();
  const { model, name, value } = variable;
  if (model.type === 'adhoc') return <AdhocEditor variable={variable} />;
  if (model.type === 'textbox') return <TextBox key={value[0]} variable={variable} />;
  const label = model.label || name;
  if (model.multi) {
    return (
      <MultiCombobox
        aria-label={label}
        width="auto"
        minWidth={10}
        maxWidth={40}
        options={choices(variable)}
        value={value}
        onChange={(chosen) =>
          setVariable(
            name,
            afterChoice(
              value,
              chosen.map((each) => each.value),
            ),
          )
        }
      />
    );
  }
  return (
    <Combobox
      aria-label={label}
      width="auto"
      minWidth={10}
      maxWidth={40}
      options={choices(variable)}
      value={value[0] ?? null}
      createCustomValue={model.type === 'custom' && model.allowCustomValue !== false}
      onChange={(chosen) => setVariable(name, [chosen.value])}
    />
  );
}

/** The dashboard's variables, to be chosen from. */
export function VariableBar() {
  const { variables } = useDashboard();
  const shown = [...variables.values()].filter(({ model }) => model.hide !== 2 && shownTypes.has(model.type));
  return shown.map((variable) => {
    const { model, name, error } = variable;
    const label = model.hide === 1 ? undefined : model.label || name;
    return (
      <InlineField
        key={name}
        label={label}
        tooltip={model.description ?? undefined}
        className={field}
        data-testid={`variable ${name}`}
      >
        <div className={inner}>
          <Control variable={variable} />
          {error && (
            <Tooltip content={error} theme="error">
              <Icon name="exclamation-triangle" aria-label={`${name}: ${error}`} />
            </Tooltip>
          )}
        </div>
      </InlineField>
    );
  });
}

const field = css({ margin: 0 });
const inner = css({ display: 'flex', alignItems: 'center', gap: 4 });
