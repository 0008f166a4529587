import { getJson } from '../data/http';

/** A dashboard in the list that the server has. */
export interface DashboardEntry {
  uid: string;
  title: string;
  folder?: string;
  tags?: string[];
}

let pending: Promise<DashboardEntry[]> | undefined;

/** The list, asked for once. */
export function dashboardList(): Promise<DashboardEntry[]> {
  pending ??= getJson<DashboardEntry[]>('api/dashboards').catch((error) => {
    pending = undefined;
    throw error;
  });
  return pending;
}
