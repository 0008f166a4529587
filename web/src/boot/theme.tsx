import { createTheme, type GrafanaTheme2, ThemeContext } from '@grafana/data';
import { GlobalStyles, PortalContainer } from '@grafana/ui';
import { createContext, type ReactNode, useCallback, useContext, useEffect, useMemo, useState } from 'react';

export type Mode = 'dark' | 'light';
export type Choice = Mode | 'system';

const key = 'staddle.theme';
const system = window.matchMedia('(prefers-color-scheme: light)');

interface Switch {
  choice: Choice;
  choose: (choice: Choice) => void;
}

const SwitchContext = createContext<Switch>({ choice: 'system', choose: () => {} });

/** What was chosen, and how to choose. */
export const useThemeSwitch = (): Switch => useContext(SwitchContext);

function stored(): Choice {
  const asked = new URLSearchParams(location.search).get('theme');
  const value = asked ?? localStorage.getItem(key);
  return value === 'dark' || value === 'light' ? value : 'system';
}

function useSystemMode(): Mode {
  const [mode, setMode] = useState<Mode>(system.matches ? 'light' : 'dark');
  useEffect(() => {
    const follow = () => setMode(system.matches ? 'light' : 'dark');
    system.addEventListener('change', follow);
    return () => system.removeEventListener('change', follow);
  }, []);
  return mode;
}

/** Dark or light as the system is, until somebody chooses (`?theme=`, or the switch). */
export function Theme({ children }: { children: ReactNode }) {
  const [choice, setChoice] = useState<Choice>(stored);
  const systemMode = useSystemMode();
  const mode = choice === 'system' ? systemMode : choice;
  const theme: GrafanaTheme2 = useMemo(() => createTheme({ colors: { mode } }), [mode]);

  const choose = useCallback((next: Choice) => {
    if (next === 'system') localStorage.removeItem(key);
    else localStorage.setItem(key, next);
    setChoice(next);
  }, []);
  const value = useMemo(() => ({ choice, choose }), [choice, choose]);

  useEffect(() => {
    document.documentElement.style.colorScheme = mode;
    document.body.style.margin = '0';
    document.body.classList.remove('theme-dark', 'theme-light');
    document.body.classList.add(`theme-${mode}`);
  }, [mode]);

  return (
    <ThemeContext.Provider value={theme}>
      <SwitchContext.Provider value={value}>
        <GlobalStyles />
        {children}
        <PortalContainer />
      </SwitchContext.Provider>
    </ThemeContext.Provider>
  );
}
