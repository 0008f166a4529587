import { textUtil } from '@grafana/data';
import { Dropdown, type IconName, LinkButton, Menu, ToolbarButton } from '@grafana/ui';
import { useEffect, useState } from 'react';
import { base } from '../boot/base';
import { allVariableParams, forUrl, interpolate, type Scope, timeRangeParams } from '../variables/interpolate';
import { useDashboard } from './context';
import { type DashboardEntry, dashboardList } from './list';
import type { DashboardLink } from './model';

const icons: Record<string, IconName> = {
  'external link': 'external-link-alt',
  dashboard: 'apps',
  question: 'question-circle',
  info: 'info-circle',
  bolt: 'bolt',
  doc: 'file-alt',
  cloud: 'cloud',
};

/** The URL with time and variables, as the link says. */
export function linkUrl(url: string, link: DashboardLink, scope: Scope): string {
  const params = [
    link.keepTime && timeRangeParams(scope.range),
    link.includeVars && allVariableParams(scope.variables),
  ];
  const added = params.filter(Boolean).join('&');
  if (!added) return url;
  return `${url}${url.includes('?') ? '&' : '?'}${added}`;
}

const dashboardUrl = (entry: DashboardEntry) => `${base}d/${encodeURIComponent(entry.uid)}`;

function Tagged({ link }: { link: DashboardLink }) {
  const { scope, dashboard } = useDashboard();
  const [entries, setEntries] = useState<DashboardEntry[]>([]);
  useEffect(() => {
    const tags = link.tags ?? [];
    const fits = (entry: DashboardEntry) =>
      entry.uid !== dashboard.uid && tags.every((tag) => entry.tags?.includes(tag));
    dashboardList().then(
      (all) => setEntries(all.filter(fits)),
      () => setEntries([]),
    );
  }, [link, dashboard.uid]);
  const target = link.targetBlank ? '_blank' : undefined;
  if (!link.asDropdown) {
    return entries.map((entry) => (
      <LinkButton
        key={entry.uid}
        size="sm"
        variant="secondary"
        icon="apps"
        href={linkUrl(dashboardUrl(entry), link, scope)}
        target={target}
      >
        {entry.title}
      </LinkButton>
    ));
  }
  const menu = (
    <Menu>
      {entries.map((entry) => (
        <Menu.Item
          key={entry.uid}
          label={entry.title}
          url={linkUrl(dashboardUrl(entry), link, scope)}
          target={target}
        />
      ))}
      {!entries.length && <Menu.Item label="None is here" disabled />}
    </Menu>
  );
  return (
    <Dropdown overlay={menu}>
      <ToolbarButton icon="bars" variant="canvas" tooltip={link.tooltip}>
        {link.title || link.tags?.join(', ') || 'Dashboards'}
      </ToolbarButton>
    </Dropdown>
  );
}

/** Links of the dashboard: to one place, or to all dashboards with a tag. */
export function DashboardLinks() {
  const { dashboard, scope } = useDashboard();
  return dashboard.links.map((link, i) => {
    if (link.type === 'dashboards') return <Tagged key={i} link={link} />;
    const url = textUtil.sanitizeUrl(interpolate(link.url ?? '', scope, undefined, forUrl));
    return (
      <LinkButton
        key={i}
        size="sm"
        variant="secondary"
        icon={icons[link.icon ?? ''] ?? 'external-link-alt'}
        tooltip={link.tooltip}
        href={linkUrl(url, link, scope)}
        target={link.targetBlank ? '_blank' : undefined}
      >
        {interpolate(link.title ?? '', scope)}
      </LinkButton>
    );
  });
}
