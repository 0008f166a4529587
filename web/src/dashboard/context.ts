import type { EventBus, TimeRange } from '@grafana/data';
import { createContext, useContext } from 'react';
import type { Scope } from '../variables/interpolate';
import type { AdhocFilter, Variables } from '../variables/types';
import type { AnnotationEvent } from './annotations';
import type { Dashboard, Panel } from './model';

/** What everything on a dashboard's page shares. */
export interface DashboardState {
  dashboard: Dashboard;
  scope: Scope;
  range: TimeRange;
  timeZone: string;
  variables: Variables;
  annotations: AnnotationEvent[];
  events: EventBus;
  /** Counts how often everything is to be asked for again. */
  tick: number;
  setRange: (from: string, to: string) => void;
  setVariable: (name: string, values: string[]) => void;
  setFilters: (name: string, filters: AdhocFilter[]) => void;
  refresh: () => void;
  /** Shows one panel alone, or all again. */
  view: (panel: Panel | undefined) => void;
  inspect: (panel: Panel | undefined) => void;
}

const DashboardContext = createContext<DashboardState | undefined>(undefined);

export const DashboardProvider = DashboardContext.Provider;

export function useDashboard(): DashboardState {
  const state = useContext(DashboardContext);
  if (!state) throw new Error('This is not within a dashboard.');
  return state;
}
