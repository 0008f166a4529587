// A page of its own, within ours: what it is drawn with styles everything around it, and is no React.
import 'bootstrap/dist/css/bootstrap.min.css';
import 'pev2/dist/pev2.css';
import './visualizer.css';
import { Plan } from 'pev2';
import { createApp, defineComponent, h, ref } from 'vue';
import { example } from './example';

const theme = () => new URLSearchParams(location.search).get('theme') ?? localStorage.getItem('staddle.theme');
const system = matchMedia('(prefers-color-scheme: light)');

function setTheme(): void {
  const chosen = theme();
  const light = chosen === 'light' || (chosen !== 'dark' && system.matches);
  document.documentElement.dataset.bsTheme = light ? 'light' : 'dark';
}
setTheme();
system.addEventListener('change', setTheme);

/** A plan that somebody linked to: `#plan=…&query=…`. */
const linked = () => new URLSearchParams(location.hash.slice(1));

const area = (
  id: string,
  label: string,
  rows: number,
  placeholder: string,
  value: string,
  set: (text: string) => void,
) =>
  h('div', { class: 'mb-3' }, [
    h('label', { for: id, class: 'form-label' }, label),
    h('textarea', {
      id,
      rows,
      placeholder,
      class: 'form-control font-monospace',
      spellcheck: false,
      value,
      onInput: (event: Event) => set((event.target as HTMLTextAreaElement).value),
    }),
  ]);

const App = defineComponent({
  setup() {
    const plan = ref(linked().get('plan') ?? '');
    const query = ref(linked().get('query') ?? '');
    const shown = ref(plan.value ? { plan: plan.value, query: query.value } : undefined);
    const show = () => {
      if (plan.value.trim()) shown.value = { plan: plan.value, query: query.value };
    };
    const form = () =>
      h(
        'form',
        {
          class: 'container-lg py-2',
          onSubmit: (event: Event) => {
            event.preventDefault();
            show();
          },
        },
        [
          h('h1', { class: 'h4' }, 'See an execution plan'),
          h('p', { class: 'text-body-secondary' }, [
            'Best: the output of ',
            h('code', 'EXPLAIN (ANALYZE, COSTS, VERBOSE, BUFFERS, FORMAT JSON)'),
            '; text will do, too. It stays in this browser.',
          ]),
          area('plan', 'Plan', 12, 'Paste the plan here', plan.value, (text) => {
            plan.value = text;
          }),
          area('query', 'Query (may be left out)', 4, 'Paste the statement here', query.value, (text) => {
            query.value = text;
          }),
          h('button', { type: 'submit', class: 'btn btn-primary me-2', disabled: !plan.value.trim() }, 'Show'),
          h(
            'button',
            {
              type: 'button',
              class: 'btn btn-outline-secondary',
              onClick: () => {
                plan.value = example.plan;
                query.value = example.query;
                show();
              },
            },
            'Show an example',
          ),
        ],
      );
    return () =>
      shown.value
        ? h('div', { class: 'shown' }, [
            h('div', { class: 'p-1' }, [
              h(
                'button',
                {
                  type: 'button',
                  class: 'btn btn-sm btn-outline-secondary',
                  onClick: () => {
                    shown.value = undefined;
                  },
                },
                'Another plan',
              ),
            ]),
            h(Plan, { planSource: shown.value.plan, planQuery: shown.value.query }),
          ])
        : form();
  },
});

createApp(App).mount('#root');
